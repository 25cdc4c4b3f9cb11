#include "services/peer/library/library.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "lib/core/errors.h"
#include "services/peer/library/missing_book.h"

namespace arkshare {
namespace {

// How long a released listing stays announced when its receiver is silent. Until then the index
// still names this peer, which tells readers where the book went, so a move leaves no gap in a
// search.
constexpr absl::Duration kGoneDelay = absl::Seconds(2);

}  // namespace

Library::Library(const SharedFolder* folder, Ledger* ledger, const Clock* clock, Options options)
    : folder_(folder), ledger_(ledger), clock_(clock), options_(options) {}

absl::Status Library::Load() {
  absl::StatusOr<std::vector<ListingRecord>> listings = ledger_->PresentListings();
  if (!listings.ok()) return listings.status();
  absl::StatusOr<std::vector<std::string>> unshared = ledger_->UnsharedPaths();
  if (!unshared.ok()) return unshared.status();
  // A crash may have left two listings of one path. The later one replaced the other.
  std::sort(listings->begin(), listings->end(),
            [](const ListingRecord& a, const ListingRecord& b) { return a.number > b.number; });
  std::set<std::string> seen;
  for (const ListingRecord& record : *listings) {
    // --max-books may be lower than it was.
    if (seen.size() < options_.max_books && seen.insert(record.path).second) continue;
    ledger_->EndListing(record.number, ListingRecord::State::kDeleted).IgnoreError();
  }
  MutexLock lock(&mutex_);
  for (ListingRecord& record : *listings) {
    // A claimed path is that of a received book that cannot enter the folder yet.
    if (seen.erase(record.path) == 0 || claims_.Claimed(record.path)) continue;
    Insert(Book{std::move(record), false});
  }
  unshared_by_owner_.insert(unshared->begin(), unshared->end());
  feed_.Clear();
  return absl::OkStatus();
}

void Library::SetExamineRequest(std::function<void(const std::string&)> request) {
  request_ = std::move(request);
}

void Library::RequestExamine(const std::string& path) {
  if (request_) request_(path);
}

// --- Looking ---

std::optional<Book> Library::Find(const BookName& name) const {
  MutexLock lock(&mutex_);
  const ListingTable::Entry* entry = listings_.FindName(name);
  if (entry == nullptr) return std::nullopt;
  return entry->book;
}

std::optional<Book> Library::FindContent(const ContentId& content) const {
  MutexLock lock(&mutex_);
  const std::vector<const ListingTable::Entry*> entries = listings_.FindContent(content);
  if (entries.empty()) return std::nullopt;
  return entries.front()->book;
}

std::optional<Book> Library::FindPath(const std::string& path) const {
  MutexLock lock(&mutex_);
  const ListingTable::Entry* entry = listings_.FindPath(path);
  if (entry == nullptr) return std::nullopt;
  return entry->book;
}

std::optional<LibraryItem> Library::FindUnlisted(const std::string& path) const {
  MutexLock lock(&mutex_);
  const UnlistedFiles::Entry* entry = unlisted_.Find(path);
  if (entry == nullptr) return std::nullopt;
  return LibraryItem{path, entry->size, std::nullopt, entry->reason};
}

std::vector<LibraryItem> Library::Items(const std::string& after, size_t limit) const {
  MutexLock lock(&mutex_);
  std::vector<LibraryItem> out;
  auto listed = listings_.by_path().upper_bound(after);
  const auto listed_end = listings_.by_path().end();
  auto other = unlisted_.by_path().upper_bound(after);
  const auto other_end = unlisted_.by_path().end();
  while (out.size() < limit && (listed != listed_end || other != other_end)) {
    if (other == other_end || (listed != listed_end && listed->first <= other->first)) {
      const Book& book = listings_.Find(listed->second)->book;
      out.push_back({listed->first, book.record.content.size, book, ""});
      if (other != other_end && other->first == listed->first) ++other;
      ++listed;
    } else {
      out.push_back({other->first, other->second.size, std::nullopt, other->second.reason});
      ++other;
    }
  }
  return out;
}

std::vector<std::string> Library::Paths() const {
  MutexLock lock(&mutex_);
  std::vector<std::string> out;
  for (const auto& [path, number] : listings_.by_path()) out.push_back(path);
  for (const auto& [path, entry] : unlisted_.by_path()) out.push_back(path);
  return out;
}

Library::Totals Library::GetTotals() const {
  MutexLock lock(&mutex_);
  return {listings_.size(), listings_.bytes(), unlisted_.pending()};
}

// --- Serving ---

absl::StatusOr<ServedBook> Library::OpenForServing(const ContentId& content) {
  std::vector<std::pair<Book, std::shared_ptr<const std::atomic<bool>>>> candidates;
  bool releasing = false;
  {
    MutexLock lock(&mutex_);
    for (const ListingTable::Entry* entry : listings_.FindContent(content)) {
      if (entry->releasing) {
        releasing = true;
      } else {
        candidates.emplace_back(entry->book, entry->ended);
      }
    }
  }
  for (auto& [book, ended] : candidates) {
    absl::StatusOr<SharedFolder::OpenedFile> file = folder_->OpenFile(book.record.path);
    if (file.ok() && file->stat.identity == book.record.identity) {
      return ServedBook{std::move(file->fd), std::move(book), std::move(ended)};
    }
    RequestExamine(book.record.path);
  }
  if (releasing) {
    return MakeError(Reason::kBookUnsettled, "the book is being handed over; ask again in a moment",
                     {}, absl::Milliseconds(100));
  }
  if (!candidates.empty()) {
    return MakeError(Reason::kBookChanged,
                     "the file is no longer what this peer listed; search again");
  }
  return WhyNotServed(*ledger_, content);
}

// --- What the scanner finds in the folder ---

void Library::Insert(Book book) {
  unlisted_.Erase(book.record.path);
  // Before the book is announced, so that the index never has both the whole book and a part of it.
  feed_.RemovePartialsOf(book.record.content);
  if (!book.record.unsettled) feed_.Push(book.listing());
  feed_changed_.NotifyAll();
  listings_.Insert(std::move(book));
}

absl::Status Library::Appear(ListingRecord record, bool lend_only) {
  const std::string path = record.path;
  uint64_t old = 0;
  std::string refusal;
  {
    MutexLock lock(&mutex_);
    if (claims_.Claimed(path)) return absl::OkStatus();
    if (const ListingTable::Entry* entry = listings_.FindPath(path)) {
      const ListingRecord& known = entry->book.record;
      // Two threads may have examined one file; it appears once.
      if (known.identity == record.identity && known.content == record.content) {
        return absl::OkStatus();
      }
      old = known.number;
    }
    const ListingTable::Entry* named = listings_.FindName(record.name);
    if (named != nullptr && named->book.record.number != old) {
      refusal = absl::StrCat("its name is that of another file once both are in Unicode NFC: ",
                             EscapeForDisplay(named->book.record.path), "; rename one of them");
    } else if (old == 0 && listings_.size() >= options_.max_books) {
      refusal = absl::StrCat("the limit of ", options_.max_books,
                             " books is reached; raise --max-books or remove some");
    }
    // No other thread may decide about this path while the ledger is written.
    if (refusal.empty()) claims_.Claim(path);
  }
  if (!refusal.empty()) {
    NoteUnshared(path, record.content.size, refusal);
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> number =
      ledger_->ReplaceListing(old, ListingRecord::State::kChanged, record);
  MutexLock lock(&mutex_);
  Unclaim(path);
  if (!number.ok()) return number.status();
  record.number = *number;
  if (old != 0) {
    listings_.Erase(old);
    Push(old);
  }
  Insert(Book{std::move(record), lend_only});
  return absl::OkStatus();
}

void Library::Confirm(const std::string& path, bool lend_only) {
  MutexLock lock(&mutex_);
  if (ListingTable::Entry* entry = listings_.FindPath(path)) entry->book.lend_only = lend_only;
}

absl::Status Library::Vanish(const std::string& path, ListingRecord::State state) {
  Forget(path);
  uint64_t number = 0;
  {
    MutexLock lock(&mutex_);
    if (claims_.Claimed(path)) return absl::OkStatus();
    const ListingTable::Entry* entry = listings_.FindPath(path);
    if (entry == nullptr) return absl::OkStatus();
    number = entry->book.record.number;
    claims_.Claim(path);
  }
  absl::Status status = ledger_->EndListing(number, state);
  MutexLock lock(&mutex_);
  Unclaim(path);
  if (!status.ok()) return status;
  listings_.Erase(number);
  Push(number);
  return absl::OkStatus();
}

void Library::NotePending(const std::string& path, uint64_t size) {
  MutexLock lock(&mutex_);
  unlisted_.Put(path, {size, ""});
}

void Library::NoteUnshared(const std::string& path, uint64_t size, const std::string& reason) {
  MutexLock lock(&mutex_);
  unlisted_.Put(path, {size, reason});
}

void Library::Forget(const std::string& path) {
  MutexLock lock(&mutex_);
  unlisted_.Erase(path);
}

bool Library::UnsharedByOwner(const std::string& path) const {
  MutexLock lock(&mutex_);
  return unshared_by_owner_.contains(path);
}

absl::Status Library::SetUnsharedByOwner(const std::string& path, bool unshared) {
  if (absl::Status s = ledger_->SetUnshared(path, unshared); !s.ok()) return s;
  MutexLock lock(&mutex_);
  if (unshared) {
    unshared_by_owner_.insert(path);
  } else {
    unshared_by_owner_.erase(path);
  }
  return absl::OkStatus();
}

// --- Names and paths in use by transfers ---

absl::Status Library::ReserveName(const BookName& name) {
  MutexLock lock(&mutex_);
  if (listings_.FindName(name) != nullptr || !claims_.ReserveName(name)) {
    return MakeError(Reason::kNameTaken,
                     absl::StrCat("there is already a book named ", EscapeForDisplay(name.value()),
                                  " here, or one on its way; choose another name for this one"));
  }
  return absl::OkStatus();
}

void Library::UnreserveName(const BookName& name) {
  MutexLock lock(&mutex_);
  claims_.UnreserveName(name);
}

void Library::Unclaim(const std::string& path) {
  claims_.Unclaim(path);
  unclaimed_.NotifyAll();
}

void Library::ClaimPath(const std::string& path) {
  MutexLock lock(&mutex_);
  while (!claims_.Claim(path)) unclaimed_.Wait(&mutex_);
}

bool Library::TryClaimPath(const std::string& path) {
  MutexLock lock(&mutex_);
  return claims_.Claim(path);
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
  return claims_.Claimed(path);
}

void Library::Receive(absl::Span<const ListingRecord> records) {
  std::vector<uint64_t> replaced;
  {
    MutexLock lock(&mutex_);
    for (const ListingRecord& record : records) {
      // A file of that name may have been listed and deleted since; its listing must not linger.
      if (const ListingTable::Entry* entry = listings_.FindPath(record.path)) {
        const uint64_t old = entry->book.record.number;
        listings_.Erase(old);
        Push(old);
        replaced.push_back(old);
      }
      Insert(Book{record, false});
    }
  }
  // When this fails, the next Load ends the listing.
  for (uint64_t old : replaced) {
    ledger_->EndListing(old, ListingRecord::State::kDeleted).IgnoreError();
  }
}

absl::Status Library::Settle(absl::Span<const uint64_t> numbers) {
  if (absl::Status s = ledger_->SettleListings(numbers); !s.ok()) return s;
  MutexLock lock(&mutex_);
  for (uint64_t number : numbers) {
    ListingTable::Entry* entry = listings_.Find(number);
    if (entry == nullptr) {
      Push(number);  // it went while the index did not know of it yet
    } else if (entry->book.record.unsettled) {
      entry->book.record.unsettled = false;
      Push(entry->book.listing());
    }
  }
  return absl::OkStatus();
}

// --- Giving away ---

absl::StatusOr<Book> Library::BeginRelease(const ReleaseItem& item) {
  {
    MutexLock lock(&mutex_);
    while (true) {
      ListingTable::Entry* entry = listings_.Find(item.listing);
      if (entry == nullptr) break;
      const ListingRecord& record = entry->book.record;
      if (entry->releasing || claims_.Claimed(record.path)) {
        unclaimed_.Wait(&mutex_);
        continue;
      }
      if (record.content != item.content) break;
      if (options_.policy == SharePolicy::kCopy || entry->book.lend_only) {
        return MakeError(Reason::kNotForTaking,
                         "this peer only lends the book: keep what you received as a copy");
      }
      if (record.unsettled) {
        return MakeError(Reason::kBookUnsettled,
                         "this peer has just received the book and the index does not know it yet; "
                         "ask again in a moment",
                         {}, absl::Milliseconds(500));
      }
      entry->releasing = true;
      claims_.Claim(record.path);
      return entry->book;
    }
  }
  return WhyNotReleased(*ledger_, item);
}

void Library::FinishRelease(uint64_t number) {
  std::string path;
  {
    MutexLock lock(&mutex_);
    const ListingTable::Entry* entry = listings_.Find(number);
    if (entry == nullptr) return;
    path = entry->book.record.path;
    listings_.Erase(number);
    feed_.PushGoneAt(number, clock_->Monotonic() + kGoneDelay);
    Unclaim(path);
  }
  RequestExamine(path);  // another file may be there now
}

void Library::CancelRelease(uint64_t number) {
  std::string path;
  {
    MutexLock lock(&mutex_);
    ListingTable::Entry* entry = listings_.Find(number);
    if (entry == nullptr) return;
    entry->releasing = false;
    path = entry->book.record.path;
    Unclaim(path);
  }
  RequestExamine(path);
}

void Library::AnnounceGone(uint64_t number) {
  MutexLock lock(&mutex_);
  feed_.PushGoneNow(number);
  feed_changed_.NotifyAll();
}

// --- Books that are being received ---

void Library::AnnouncePartial(const BookListing& listing) {
  MutexLock lock(&mutex_);
  if (listings_.HasContent(listing.content)) return;
  if (listings_.size() + feed_.partials().size() >= options_.max_books) return;
  feed_.AddPartial(listing);
  feed_changed_.NotifyAll();
}

void Library::WithdrawPartial(uint64_t number) {
  MutexLock lock(&mutex_);
  feed_.RemovePartial(number);
  feed_changed_.NotifyAll();
}

// --- The feed for the index ---

void Library::Push(Change change) {
  feed_.Push(std::move(change));
  feed_changed_.NotifyAll();
}

std::vector<BookListing> Library::StartFeed() {
  MutexLock lock(&mutex_);
  feed_.Clear();
  std::vector<BookListing> out;
  for (const auto& [path, number] : listings_.by_path()) {
    const Book& book = listings_.Find(number)->book;
    if (!book.record.unsettled) out.push_back(book.listing());
  }
  for (const auto& [number, listing] : feed_.partials()) out.push_back(listing);
  return out;
}

std::vector<Library::Change> Library::NextChanges(absl::Duration wait, size_t most) {
  MutexLock lock(&mutex_);
  const absl::Time until = clock_->Monotonic() + wait;
  while (true) {
    const absl::Time now = clock_->Monotonic();
    const absl::Time next = std::min(until, feed_.PushDue(now));
    if (!feed_.empty() || feed_woken_ || now >= until) break;
    feed_changed_.WaitFor(&mutex_, next - now);
  }
  feed_woken_ = false;
  return feed_.Take(most);
}

void Library::WakeFeed() {
  MutexLock lock(&mutex_);
  feed_woken_ = true;
  feed_changed_.NotifyAll();
}

}  // namespace arkshare
