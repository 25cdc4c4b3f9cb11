#include "services/peer/session/retry.h"

#include <algorithm>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr absl::Duration kLastRetry = absl::Seconds(3);
// A person has to do something first: stop another peer, or invite this one.
constexpr absl::Duration kLastRetryOfRefusal = absl::Seconds(30);

bool WaitsForPeople(const absl::Status& failure) {
  switch (GetReason(failure)) {
    case Reason::kKeyInUse:
    case Reason::kNotAMember:
    case Reason::kRoleForbids:
    case Reason::kHandshakeRefused:
    case Reason::kWrongKey:
      return true;
    default:
      return false;
  }
}

}  // namespace

RetryWindow RetryAfter(const absl::Status& failure, absl::Duration retry) {
  const absl::Duration wait = GetRetryAfter(failure).value_or(retry / 2);
  return {wait, std::max(wait * 1.1, retry)};
}

absl::Duration NextRetry(const absl::Status& failure, absl::Duration retry) {
  return std::min(retry * 2, WaitsForPeople(failure) ? kLastRetryOfRefusal : kLastRetry);
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
