#include "services/index/replica/sent_statements.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "lib/core/errors.h"

namespace arkshare {

uint64_t SentStatements::Begin(uint64_t through, bool complete) {
  if (!stored_) return through_;
  complete_ = complete;
  return through_ = through;
}

absl::StatusOr<SentStatements::Next> SentStatements::Hear(const Announcement& announcement) {
  const size_t count = announcement.statements.size();
  Next next;
  if (count > 0) {
    if (announcement.first_sequence == 0) {
      return MakeError(Reason::kInvalidField, "first_sequence must be 1 or more");
    }
    if (announcement.first_sequence > through_ + 1) {
      return MakeError(Reason::kSequenceGap,
                       absl::StrCat("statement ", through_ + 1,
                                    " is missing: open a new stream and repeat what it says is "
                                    "not acknowledged"));
    }
    next.repeated = std::min<uint64_t>(count, through_ + 1 - announcement.first_sequence);
  }
  if (stored_) {
    next.store = next.repeated < count || (announcement.snapshot_complete && !complete_);
  } else {
    next.counted = through_ += count - next.repeated;
  }
  return next;
}

uint64_t SentStatements::Send(size_t count, bool complete) {
  const uint64_t first = through_ + 1;
  through_ += count;
  complete_ = complete_ || complete;
  return first;
}

}  // namespace arkshare
