#include "services/index/etcd/endpoint_rotation.h"

#include <algorithm>

namespace arkshare {

void EndpointRotation::Failed(size_t endpoint) {
  if (endpoint != current_) return;
  current_ = (current_ + 1) % count_;
  ++failures_;
}

void EndpointRotation::Answered(size_t endpoint) {
  if (endpoint == current_) failures_ = 0;
}

absl::Duration EndpointRotation::Pause() const {
  const size_t rounds = failures_ / count_;
  if (rounds == 0) return absl::ZeroDuration();
  return absl::Milliseconds(50) * (1 << std::min<size_t>(rounds - 1, 3));
}

}  // namespace arkshare
