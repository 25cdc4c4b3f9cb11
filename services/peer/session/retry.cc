#include "services/peer/session/retry.h"

#include <algorithm>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr absl::Duration kLastRetry = absl::Seconds(3);
constexpr absl::Duration kLastRetryOfKeyInUse = absl::Seconds(30);

}  // namespace

RetryWindow RetryAfter(const absl::Status& failure, absl::Duration retry) {
  const absl::Duration wait = GetRetryAfter(failure).value_or(retry / 2);
  return {wait, std::max(wait * 1.1, retry)};
}

absl::Duration NextRetry(const absl::Status& failure, absl::Duration retry) {
  const bool key_in_use = GetReason(failure) == Reason::kKeyInUse;
  return std::min(retry * 2, key_in_use ? kLastRetryOfKeyInUse : kLastRetry);
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
