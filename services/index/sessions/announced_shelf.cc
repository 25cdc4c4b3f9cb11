#include "services/index/sessions/announced_shelf.h"

#include <absl/strings/str_cat.h>
#include <absl/types/span.h>

#include "lib/core/errors.h"

namespace arkshare {

absl::StatusOr<uint64_t> AnnouncedShelf::Apply(const Announcement& announcement) {
  MutexLock lock(&applying_);
  catalog_->SetLoad(shelf_, announcement.free_slots, announcement.upload_limit);
  if (announcement.network.has_value()) {
    catalog_->SetPlace(shelf_, announcement.local_address, *announcement.network);
  }
  if (!announcement.statements.empty()) {
    if (absl::Status status = ApplyStatementsLocked(announcement); !status.ok()) return status;
  }
  if (announcement.snapshot_complete) catalog_->CompleteSnapshot(shelf_);
  return applied_.load();
}

absl::Status AnnouncedShelf::ApplyStatementsLocked(const Announcement& announcement) {
  const uint64_t next = applied_ + 1;
  if (announcement.first_sequence == 0) {
    return MakeError(Reason::kInvalidField, "first_sequence must be 1 or more");
  }
  if (announcement.first_sequence > next) {
    return MakeError(Reason::kSequenceGap,
                     absl::StrCat("statement ", next, " is missing: open a new stream and ",
                                  "repeat what it says is not acknowledged"));
  }
  // After a reset a peer repeats statements that were applied before. They count once.
  const uint64_t repeated = next - announcement.first_sequence;
  if (repeated >= announcement.statements.size()) return absl::OkStatus();
  const Catalog::Applied applied =
      catalog_->Apply(shelf_, absl::MakeSpan(announcement.statements).subspan(repeated));
  applied_ += applied.count;
  return applied.status;
}

}  // namespace arkshare
