// The last revision of an index with replicas that a client was told.
#ifndef ARKSHARE_LIB_RPC_LAST_REVISION_H_
#define ARKSHARE_LIB_RPC_LAST_REVISION_H_

#include <atomic>
#include <cstdint>

namespace arkshare {

// A client that goes on at another replica never reads the past: each request says how much its
// answer must contain. Thread-safe.
class LastRevision {
 public:
  // Does nothing for a request that cannot say so.
  template <typename Request>
  void AddTo([[maybe_unused]] Request& request) const {
    if constexpr (requires { request.set_at_least_revision(uint64_t{0}); }) {
      request.set_at_least_revision(revision_);
    }
  }
  // Does nothing for an answer that has no revision.
  template <typename Response>
  void Hear([[maybe_unused]] const Response& response) {
    if constexpr (requires { uint64_t{response.revision()}; }) Raise(response.revision());
  }
  void Raise(uint64_t revision) {
    uint64_t known = revision_;
    while (known < revision && !revision_.compare_exchange_weak(known, revision)) continue;
  }
  // Replaces it: it may be of another log.
  void Set(uint64_t revision) { revision_ = revision; }
  uint64_t Get() const { return revision_; }

 private:
  std::atomic<uint64_t> revision_ = 0;  // 0: none
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_LAST_REVISION_H_
