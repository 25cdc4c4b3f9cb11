// What transfers do to the library: names and paths in use, books that leave, books that come.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "services/peer/library/library.h"

namespace arkshare {
namespace {

// How long a released listing stays announced when its receiver is silent. Until then the index
// goes on naming us, and we tell who asks where the book went, so that a move leaves no gap in a
// search.
constexpr absl::Duration kGoneDelay = absl::Seconds(2);

}  // namespace

// --- Names and paths in use by transfers ---

absl::Status Library::ReserveName(const BookName& name) {
  MutexLock lock(&mutex_);
  if (by_name_.contains(name) || !reserved_.insert(name).second) {
    return MakeError(Reason::kNameTaken,
                     absl::StrCat("there is already a book named ", EscapeForDisplay(name.value()),
                                  " here, or one on its way; choose another name for this one"));
  }
  return absl::OkStatus();
}

void Library::Unclaim(const std::string& path) {
  claimed_.erase(path);
  unclaimed_.NotifyAll();
}

void Library::UnreserveName(const BookName& name) {
  MutexLock lock(&mutex_);
  reserved_.erase(name);
}

void Library::ClaimPath(const std::string& path) {
  MutexLock lock(&mutex_);
  while (!claimed_.insert(path).second) unclaimed_.Wait(&mutex_);
}

bool Library::TryClaimPath(const std::string& path) {
  MutexLock lock(&mutex_);
  return claimed_.insert(path).second;
}

void Library::UnclaimPath(const std::string& path) {
  {
    MutexLock lock(&mutex_);
    Unclaim(path);
  }
  RequestExamine(path);
}

bool Library::Claimed(const std::string& path) const {
  MutexLock lock(&mutex_);
  return claimed_.contains(path);
}

void Library::Receive(absl::Span<const ListingRecord> records) {
  std::vector<uint64_t> replaced;
  {
    MutexLock lock(&mutex_);
    for (const ListingRecord& record : records) {
      // A file of that name may have been listed and deleted since; its listing must not linger.
      if (const Held* held = HeldAt(record.path)) {
        const uint64_t old = held->book.record.number;
        Erase(old);
        PushChange(old);
        replaced.push_back(old);
      }
      Insert(Book{record, false});
    }
  }
  // Where this fails, the next Load does it.
  for (uint64_t old : replaced) {
    ledger_->EndListing(old, ListingRecord::State::kDeleted).IgnoreError();
  }
}

absl::Status Library::Settle(absl::Span<const uint64_t> numbers) {
  if (absl::Status s = ledger_->SettleListings(numbers); !s.ok()) return s;
  MutexLock lock(&mutex_);
  for (uint64_t number : numbers) {
    const auto it = held_.find(number);
    if (it == held_.end()) {
      PushChange(number);  // it went while the index did not know of it yet
    } else if (it->second.book.record.unsettled) {
      it->second.book.record.unsettled = false;
      PushChange(it->second.book.listing());
    }
  }
  return absl::OkStatus();
}

// --- Giving away ---

absl::StatusOr<Book> Library::BeginRelease(const ReleaseItem& item) {
  {
    MutexLock lock(&mutex_);
    while (true) {
      const auto it = held_.find(item.listing);
      if (it == held_.end()) break;
      Held& held = it->second;
      if (held.releasing || claimed_.contains(held.book.record.path)) {
        unclaimed_.Wait(&mutex_);
        continue;
      }
      if (held.book.record.content != item.content) break;
      if (options_.policy == SharePolicy::kCopy || held.book.lend_only) {
        return MakeError(Reason::kNotForTaking,
                         "this peer only lends the book; keep the copy as a copy");
      }
      if (held.book.record.unsettled) {
        return MakeError(Reason::kBookUnsettled,
                         "this peer has just received the book and the index does not know it yet; "
                         "ask again in a moment",
                         {}, absl::Milliseconds(500));
      }
      held.releasing = true;
      claimed_.insert(held.book.record.path);
      return held.book;
    }
  }
  return WhyNotReleasable(item);
}

absl::Status Library::WhyNotReleasable(const ReleaseItem& item) {
  absl::StatusOr<std::optional<ReleaseRecord>> release =
      ledger_->FindReleaseOfListing(item.listing);
  if (!release.ok()) return release.status();
  if (release->has_value()) {
    return MakeError(Reason::kBookMoved, "the book has moved to another peer; search again",
                     {{"moved_to_public_key", (*release)->receiver.hex()}});
  }
  absl::StatusOr<std::optional<ListingRecord>> listing = ledger_->FindListing(item.listing);
  if (!listing.ok()) return listing.status();
  if (listing->has_value() && ((*listing)->state == ListingRecord::State::kChanged ||
                               (*listing)->content != item.content)) {
    return MakeError(Reason::kBookChanged,
                     "the file is no longer what this peer listed; keep the copy");
  }
  return MakeError(Reason::kBookGone, "this peer no longer has the book; keep the copy");
}

void Library::FinishRelease(uint64_t number) {
  std::string path;
  {
    MutexLock lock(&mutex_);
    const auto it = held_.find(number);
    if (it == held_.end()) return;
    path = it->second.book.record.path;
    Erase(number);
    leaving_[number] = clock_->Monotonic() + kGoneDelay;
    Unclaim(path);
  }
  RequestExamine(path);  // somebody may have put another file there meanwhile
}

void Library::CancelRelease(uint64_t number) {
  std::string path;
  {
    MutexLock lock(&mutex_);
    const auto it = held_.find(number);
    if (it == held_.end()) return;
    it->second.releasing = false;
    path = it->second.book.record.path;
    Unclaim(path);
  }
  RequestExamine(path);
}

void Library::AnnounceGone(uint64_t number) {
  MutexLock lock(&mutex_);
  if (leaving_.erase(number) > 0) PushChange(number);
}

// --- Being received ---

void Library::AnnouncePartial(const BookListing& listing) {
  MutexLock lock(&mutex_);
  if (by_content_.contains(listing.content)) return;
  if (held_.size() + partials_.size() >= options_.max_books) return;
  partials_.insert_or_assign(listing.number, listing);
  PushChange(listing);
}

void Library::WithdrawPartial(uint64_t number) {
  MutexLock lock(&mutex_);
  if (partials_.erase(number) > 0) PushChange(number);
}

void Library::WithdrawPartialsOf(const ContentId& content) {
  for (auto it = partials_.begin(); it != partials_.end();) {
    if (it->second.content != content) {
      ++it;
      continue;
    }
    PushChange(it->first);
    it = partials_.erase(it);
  }
}

}  // namespace arkshare
