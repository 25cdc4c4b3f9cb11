#include "services/peer/library/library.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iterator>
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
// Bounds what other peers' complaints make this peer hash.
constexpr absl::Duration kDoubtEvery = absl::Minutes(1);
constexpr size_t kMaxDoubted = 10;

}  // namespace

Library::Library(const SharedFolder* folder, Ledger* ledger, const Clock* clock, Options options)
    : folder_(folder), ledger_(ledger), clock_(clock), options_(options) {}

absl::Status Library::Load() {
  const absl::StatusOr<uint64_t> last = ledger_->LastListingNumber();
  if (!last.ok()) return last.status();
  number_at_load_ = *last;
  ledger_->PruneListings().IgnoreError();  // it only takes room
  absl::StatusOr<std::vector<ListingRecord>> listings = ledger_->PresentListings();
  if (!listings.ok()) return listings.status();
  absl::StatusOr<std::vector<UnsharedRecord>> unshared = ledger_->Unshared();
  if (!unshared.ok()) return unshared.status();
  // A crash may have left two listings of one path. The later one replaced the other.
  std::sort(listings->begin(), listings->end(),
            [](const ListingRecord& a, const ListingRecord& b) { return a.number > b.number; });
  std::set<std::string> seen;
  std::vector<Ledger::Replacement> surplus;
  for (const ListingRecord& record : *listings) {
    // --max-books may be lower than it was.
    if (seen.size() < options_.max_books && seen.insert(record.path).second) continue;
    surplus.push_back({.gone = record.number});
  }
  // When this fails, the next Load ends them.
  if (!surplus.empty()) ledger_->ReplaceListings(surplus).IgnoreError();
  MutexLock lock(&mutex_);
  for (ListingRecord& record : *listings) {
    // A claimed path is that of a received book that cannot enter the folder yet.
    if (seen.erase(record.path) == 0 || claims_.Claimed(record.path)) continue;
    Insert(Book{std::move(record), false});
  }
  for (UnsharedRecord& record : *unshared) unshared_by_owner_.Put(std::move(record));
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

std::vector<std::string> Library::PathsBeneath(const std::string& folder) const {
  const std::string prefix = folder.empty() ? "" : folder + "/";
  std::vector<std::string> out;
  const auto add = [&](const auto& by_path) {
    for (auto it = by_path.lower_bound(prefix);
         it != by_path.end() && absl::StartsWith(it->first, prefix); ++it) {
      out.push_back(it->first);
    }
  };
  MutexLock lock(&mutex_);
  add(listings_.by_path());
  add(unlisted_.by_path());
  return out;
}

Library::Totals Library::GetTotals() const {
  MutexLock lock(&mutex_);
  return {listings_.size(), listings_.bytes(), unlisted_.pending()};
}

// --- Serving ---

absl::StatusOr<ServedBook> Library::OpenForServing(const ContentId& content, uint64_t preferred) {
  std::vector<std::pair<Book, std::shared_ptr<const std::atomic<bool>>>> candidates;
  bool releasing = false;
  {
    MutexLock lock(&mutex_);
    for (const ListingTable::Entry* entry : listings_.FindContent(content)) {
      if (entry->releasing) {
        releasing = true;
      } else {
        candidates.emplace_back(entry->book, entry->ended);
        if (entry->book.record.number == preferred) candidates.front().swap(candidates.back());
      }
    }
  }
  absl::Status unreadable;
  for (auto& [book, ended] : candidates) {
    absl::StatusOr<SharedFolder::OpenedFile> file = folder_->OpenFile(book.record.path);
    if (file.ok() && SameButCtime(file->stat.identity, book.record.identity)) {
      if (file->stat.identity != book.record.identity) RequestExamine(book.record.path);
      return ServedBook{std::move(file->fd), file->stat.identity, std::move(book),
                        std::move(ended)};
    }
    if (absl::IsPermissionDenied(file.status()) || absl::IsInternal(file.status())) {
      unreadable = file.status();
    }
    RequestExamine(book.record.path);
  }
  if (releasing) {
    return MakeError(Reason::kBookUnsettled, "the book is being handed over; ask again in a moment",
                     {}, absl::Milliseconds(100));
  }
  if (!unreadable.ok()) return CannotReadBook(unreadable);
  if (!candidates.empty()) {
    return MakeError(Reason::kBookChanged,
                     "the file is no longer what this peer listed; search again");
  }
  return WhyNotServed(*ledger_, content);
}

void Library::Doubt(const ContentId& content, absl::FunctionRef<void(const FileIdentity&)> forget) {
  std::vector<ListingRecord> records;
  {
    MutexLock lock(&mutex_);
    const absl::Time now = clock_->Monotonic();
    for (auto it = doubted_.begin(); it != doubted_.end();) {
      it = now - it->second > kDoubtEvery ? doubted_.erase(it) : std::next(it);
    }
    for (const ListingTable::Entry* entry : listings_.FindContent(content)) {
      if (doubted_.size() >= kMaxDoubted) break;
      if (!doubted_.emplace(entry->book.record.number, now).second) continue;
      records.push_back(entry->book.record);
    }
  }
  // The scanner believes the cache, so the cache forgets first.
  for (const ListingRecord& record : records) forget(record.identity);
  for (const ListingRecord& record : records) {
    {
      MutexLock lock(&mutex_);
      ListingTable::Entry* const entry = listings_.Find(record.number);
      if (entry != nullptr) entry->book.record.identity.ctime_ns = kDoubtedCtime;
    }
    RequestExamine(record.path);
  }
}

void Library::Insert(Book book) {
  unlisted_.Erase(book.record.path);
  // Before the book is announced, so that the index never has both the whole book and a part of it.
  feed_.RemovePartialsOf(book.record.content);
  if (!book.record.unsettled) feed_.Push(book.listing());
  feed_changed_.NotifyAll();
  listings_.Insert(std::move(book));
}

// --- Names and paths in use by transfers ---

absl::Status Library::ReserveName(const BookName& name) {
  if (absl::Status s = folder_->CheckInPlace(); !s.ok()) {
    return MakeError(Reason::kInternal, s.message());
  }
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
      const std::string reason = WhyOnlyLent(entry->book);
      if (options_.policy == SharePolicy::kCopy || !reason.empty()) return OnlyLent(reason);
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
