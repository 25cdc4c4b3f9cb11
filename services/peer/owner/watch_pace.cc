#include "services/peer/owner/watch_pace.h"

#include <algorithm>

namespace arkshare {
namespace {

// At most 4 messages a second, and 25 for urgent news.
constexpr absl::Duration kBetweenMessages = absl::Milliseconds(250);
constexpr absl::Duration kBetweenUrgent = absl::Milliseconds(40);
// A bell that rings without end for what this watch does not want must not keep a processor busy.
constexpr absl::Duration kBetweenLooks = absl::Milliseconds(20);
// The status and the limbo ring no bell.
constexpr absl::Duration kIdleLook = absl::Seconds(1);
constexpr absl::Duration kSignEvery = absl::Seconds(10);

}  // namespace

absl::Duration WatchPace::UntilLook(News news, absl::Time now) const {
  absl::Time due = looked_ + (moving_ ? kBetweenMessages : kIdleLook);
  if (news != News::kNone) {
    const absl::Duration pause = news == News::kUrgent ? kBetweenUrgent : kBetweenMessages;
    due = std::max(sent_ + pause, looked_ + kBetweenLooks);
  }
  return std::max(due - now, absl::ZeroDuration());
}

void WatchPace::Looked(bool found, bool moving, absl::Time now) {
  looked_ = now;
  moving_ = moving;
  if (found) sent_ = now;
}

bool WatchPace::SignIsDue(absl::Time now) const { return now - sent_ >= kSignEvery; }

}  // namespace arkshare
