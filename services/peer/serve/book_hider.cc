#include "services/peer/serve/book_hider.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/log.h"
#include "services/peer/library/lend_reasons.h"
#include "services/peer/library/missing_book.h"

namespace arkshare {
namespace {

absl::Status Changed() {
  return MakeError(Reason::kBookChanged,
                   "the file is no longer what this peer listed; keep the copy");
}

}  // namespace

absl::Status BookHider::Lent(const Book& book, const std::string& reason) {
  library_->SetLendReason(book.record.path, reason);
  return OnlyLent(reason);
}

absl::Status BookHider::CheckFile(const Book& book, const FileStat& stat, const ReadLease& lease) {
  const FileIdentity& listed = book.record.identity;
  if (!SameButCtime(stat.identity, listed)) return Changed();
  if (stat.links > 1) return OnlyLent("the file has another hard link");
  if (lease.refused()) return Lent(book, kOpenForWriting);
  if (stat.identity == listed) return absl::OkStatus();
  // Renamed, touched, or changed by a program that has put the mtime back. The scanner finds out.
  return MakeError(Reason::kBookUnsettled,
                   "the file was touched, and this peer is hashing it again; ask again in a moment",
                   {}, absl::Milliseconds(500));
}

// The rename says what could not be known before.
absl::Status BookHider::NotHidden(const Book& book, const absl::Status& why) {
  if (absl::IsNotFound(why)) {
    return MakeError(Reason::kBookGone, "this peer no longer has the book; keep the copy");
  }
  LogError("not_hidden", {{"book", book.record.path}, {"why", why}});
  if (absl::IsPermissionDenied(why) || absl::IsInvalidArgument(why)) {
    return Lent(book,
                absl::StrCat("this peer may not take the file out of its folder: ", why.message()));
  }
  if (absl::IsResourceExhausted(why)) {
    return MakeError(Reason::kDiskFull,
                     "the source's disk is full, so it cannot hand over; ask again later", {},
                     absl::Seconds(5));
  }
  return MakeError(Reason::kInternal, "this peer cannot hand the book over now; ask again");
}

absl::Status BookHider::Hide(const Book& book, const ReleaseItem& item, bool from_here) {
  const absl::StatusOr<SharedFolder::OpenedFile> file = folder_->OpenFile(book.record.path);
  if (absl::IsInvalidArgument(file.status())) return Changed();  // a folder or a link by now
  if (!file.ok()) return NotHidden(book, file.status());
  const ReadLease lease(file->fd.get());
  if (absl::Status s = CheckFile(book, file->stat, lease); !s.ok()) return s;

  const SharedFolder::HiddenFile hidden{item.transfer_id, item.listing};
  absl::StatusOr<FileStat> stat = folder_->Hide(book.record.path, hidden);
  if (!stat.ok()) return NotHidden(book, stat.status());
  ARKSHARE_FAILPOINT("source.hidden");
  const bool same = stat->kind == FileKind::kRegular &&
                    SameButCtime(stat->identity, book.record.identity) && !lease.Broken();
  if (same && stat->links == 1) {
    copies_->NoteHidden(hidden.transfer_id, stat->identity,
                        from_here && proofs_->IsWhole(hidden.listing, book.record.identity));
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> back = copies_->PutBack(hidden, book.record.path);
  if (!back.ok()) LogNotPutBack(book.record.path, back.status());
  return same ? OnlyLent("the file has another hard link") : Changed();
}

}  // namespace arkshare
