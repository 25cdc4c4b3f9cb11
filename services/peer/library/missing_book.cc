#include "services/peer/library/missing_book.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <optional>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

absl::Status MovedTo(const PublicKey& receiver) {
  return MakeError(Reason::kBookMoved, "the book has moved to another peer; search again",
                   {{"moved_to_public_key", receiver.hex()}});
}

}  // namespace

absl::Status WhyNotServed(LedgerReleases& releases, const ContentId& content) {
  absl::StatusOr<std::optional<ReleaseRecord>> release = releases.FindOfContent(content);
  if (!release.ok()) return release.status();
  if (release->has_value()) return MovedTo((*release)->receiver);
  return MakeError(Reason::kBookGone, "this peer does not have the book; search again");
}

absl::Status WhyNotReleased(LedgerListings& listings, LedgerReleases& releases,
                            const ReleaseItem& item) {
  absl::StatusOr<std::optional<ReleaseRecord>> release = releases.FindOfListing(item.listing);
  if (!release.ok()) return release.status();
  if (release->has_value()) return MovedTo((*release)->receiver);
  absl::StatusOr<std::optional<ListingRecord>> listing = listings.Find(item.listing);
  if (!listing.ok()) return listing.status();
  if (listing->has_value() && ((*listing)->state == ListingRecord::State::kChanged ||
                               (*listing)->content != item.content)) {
    return MakeError(Reason::kBookChanged,
                     "the file is no longer what this peer listed; keep the copy");
  }
  return MakeError(Reason::kBookGone, "this peer no longer has the book; keep the copy");
}

absl::Status OnlyLent(const std::string& reason) {
  return MakeError(Reason::kNotForTaking,
                   absl::StrCat("this peer only lends the book", reason.empty() ? "" : " (", reason,
                                reason.empty() ? "" : ")", ": keep what you received as a copy"));
}

absl::Status MayRelease(const Book& book, bool lends_all) {
  const std::string reason = WhyOnlyLent(book);
  if (lends_all || !reason.empty()) return OnlyLent(reason);
  if (!book.record.unsettled) return absl::OkStatus();
  return MakeError(Reason::kBookUnsettled,
                   "this peer has just received the book and the index does not know it yet; ask "
                   "again in a moment",
                   {}, absl::Milliseconds(500));
}

absl::Status CannotReadBook(const absl::Status& why) {
  return MakeError(Reason::kBookChanged,
                   absl::StrCat("this peer cannot read its file of the book (", why.message(),
                                "); get the book from another peer, or tell the owner"));
}

}  // namespace arkshare
