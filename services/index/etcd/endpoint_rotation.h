// Which endpoint of etcd is asked next.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_ENDPOINT_ROTATION_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_ENDPOINT_ROTATION_H_

#include <absl/time/time.h>

#include <cstddef>

namespace arkshare {

// All calls use one endpoint until it fails. gRPC's own round robin is not used: a paused node
// would cost every third call its deadline. Pure; the caller locks.
class EndpointRotation {
 public:
  // Requires at least one endpoint. Begins with `first`, so that replicas spread over the nodes.
  EndpointRotation(size_t count, size_t first) : count_(count), current_(first % count) {}

  size_t current() const { return current_; }
  // A call to `endpoint` got no answer. Moves on when it is the current one: of several calls that
  // fail together, the first one moves.
  void Failed(size_t endpoint);
  void Answered(size_t endpoint);
  // Returns how long to wait before the next call: not at all until every endpoint has failed, then
  // 50 ms, doubled with each round, up to 400 ms.
  absl::Duration Pause() const;

 private:
  size_t count_;
  size_t current_;
  size_t failures_ = 0;  // since the last answer
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_ENDPOINT_ROTATION_H_
