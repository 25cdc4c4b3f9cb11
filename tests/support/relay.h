// The line between two programs, in the hands of a test: it counts, and it can be cut.
#ifndef ARKSHARE_TESTS_SUPPORT_RELAY_H_
#define ARKSHARE_TESTS_SUPPORT_RELAY_H_

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <thread>

#include "lib/core/mutex.h"

namespace arkshare {

// A TCP relay to one server of 127.0.0.1. Thread-safe.
class Relay {
 public:
  // Listens. Connections wait until there is a target. Aborts when it cannot.
  Relay();
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // "127.0.0.1:PORT".
  const std::string& address() const { return address_; }
  // Where connections that are made from now on lead to.
  void SetTarget(const std::string& address);

  // That the target has sent so far, over all connections.
  uint64_t bytes() const;
  // Waits until the target has sent this many; false when it does not in time.
  bool AwaitBytes(uint64_t bytes) const;

  // Breaks all connections, and each new one at once, until it is mended.
  void Cut();
  void Mend();

 private:
  struct Connection {
    int client = -1;
    int server = -1;
    std::thread up{};
    std::thread down{};
  };

  void Listen();
  void Connect(int client);
  void Copy(int from, int to, bool count);
  void Break() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  int listener_ = -1;
  std::string address_;
  std::thread thread_;

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::optional<int> target_port_ ABSL_GUARDED_BY(mutex_);
  bool cut_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::list<Connection> connections_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_SUPPORT_RELAY_H_
