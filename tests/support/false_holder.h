// A peer inside the test program: the index lists it with one book, it proves its key, and then it
// serves the book as the test tells it to.
#ifndef ARKSHARE_TESTS_SUPPORT_FALSE_HOLDER_H_
#define ARKSHARE_TESTS_SUPPORT_FALSE_HOLDER_H_

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string>

#include "tests/support/programs.h"

namespace arkshare {

// It sends no heartbeats: the index's lease must be longer than the test. Thread-safe.
class FalseHolder {
 public:
  explicit FalseHolder(std::string book);
  ~FalseHolder();

  // From here on the index lists it, as one that lends the book under this name.
  absl::Status Join(IndexProcess& index, const std::string& name);

  // In each piece one bit is wrong.
  void SendGarbage();
  // Streams stop when they have sent this many bytes. Everything else is answered.
  void StopAfter(uint64_t bytes);

  uint32_t peer_id() const;
  int downloads() const;
  // Bytes of the book, in all downloads.
  uint64_t bytes_sent() const;

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_SUPPORT_FALSE_HOLDER_H_
