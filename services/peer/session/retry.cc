#include "services/peer/session/retry.h"

#include <algorithm>

#include "lib/core/errors.h"

namespace arkshare {

RetryWindow RetryAfter(const absl::Status& failure, absl::Duration retry) {
  const absl::Duration wait = GetRetryAfter(failure).value_or(retry / 2);
  return {wait, std::max(wait * 1.1, retry)};
}

RetryWindow GrowingPause::Next() {
  const absl::Duration to = next_;
  next_ = std::min(next_ * 2, last_);
  return {to / 2, to};
}

bool IsFailureOfIndex(const absl::Status& failure) {
  const Reason reason = GetReason(failure);
  return reason != Reason::kLimitExceeded && reason != Reason::kKeyInUse;
}

}  // namespace arkshare
