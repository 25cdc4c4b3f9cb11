// A client that asks an index what it has.
#ifndef ARKSHARE_BENCH_LOAD_ASKER_H_
#define ARKSHARE_BENCH_LOAD_ASKER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/content_id.h"

namespace arkshare {

// Thread-safe.
class Asker {
 public:
  // `index` is "IP:PORT".
  explicit Asker(const std::string& index);

  // Returns the number of holders of a content; -1 when the index does not answer.
  int Holders(const ContentId& content);
  // Returns the number of listed peers and of their books; zeros when the index does not answer.
  std::pair<size_t, uint64_t> Listed();

 private:
  const std::unique_ptr<v1::IndexService::Stub> stub_;
};

}  // namespace arkshare

#endif  // ARKSHARE_BENCH_LOAD_ASKER_H_
