#include "services/peer/library/library.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "lib/core/errors.h"
#include "services/peer/library/missing_book.h"
#include "services/peer/library/serving_candidate.h"

namespace arkshare {
namespace {

// How long a released listing stays announced when its receiver is silent. Until then the index
// still names this peer, which tells readers where the book went, so a move leaves no gap in a
// search.
constexpr absl::Duration kGoneDelay = absl::Seconds(2);
// Listings that end before the ledger is pruned again.
constexpr uint64_t kPruneAfter = 20'000;

std::optional<Book> BookOf(const ListingTable::Entry* entry) {
  return entry == nullptr ? std::nullopt : std::optional<Book>(entry->book);
}

}  // namespace

Library::Library(const SharedFolder* folder, Ledger* ledger, const Clock* clock, Options options)
    : folder_(folder),
      ledger_(ledger),
      clock_(clock),
      options_(options),
      unshared_(folder, ledger) {}

absl::Status Library::Load() {
  const absl::StatusOr<uint64_t> last = ledger_->LastListingNumber();
  if (!last.ok()) return last.status();
  number_at_load_ = *last;
  ledger_->PruneListings().IgnoreError();  // it only takes room
  absl::StatusOr<std::vector<ListingRecord>> listings = ledger_->PresentListings();
  if (!listings.ok()) return listings.status();
  if (absl::Status s = unshared_.Load(); !s.ok()) return s;
  std::vector<Ledger::Replacement> surplus;
  for (const uint64_t number : TakeSurplus(*listings, options_.max_books)) {
    surplus.push_back({.gone = number});
  }
  // When this fails, the next Load ends them.
  if (!surplus.empty()) ledger_->ReplaceListings(surplus).IgnoreError();
  MutexLock lock(&mutex_);
  for (ListingRecord& record : *listings) {
    // A claimed path is that of a received book that cannot enter the folder yet.
    if (!tables_.claims.Claimed(record.path)) List(Book{std::move(record), false});
  }
  tables_.feed.Clear();
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
  return BookOf(tables_.listings.FindName(name));
}

std::optional<Book> Library::FindContent(const ContentId& content) const {
  MutexLock lock(&mutex_);
  const std::vector<const ListingTable::Entry*> entries = tables_.listings.FindContent(content);
  return BookOf(entries.empty() ? nullptr : entries.front());
}

std::optional<Book> Library::FindPath(const std::string& path) const {
  MutexLock lock(&mutex_);
  return BookOf(tables_.listings.FindPath(path));
}

std::optional<LibraryItem> Library::FindUnlisted(const std::string& path) const {
  MutexLock lock(&mutex_);
  const UnlistedFiles::Entry* entry = tables_.unlisted.Find(path);
  if (entry == nullptr) return std::nullopt;
  return LibraryItem{path, entry->size, std::nullopt, entry->reason};
}

std::vector<LibraryItem> Library::Items(const std::string& after, size_t limit) const {
  MutexLock lock(&mutex_);
  return tables_.Items(after, limit);
}

std::vector<std::string> Library::PathsBeneath(const std::string& folder) const {
  MutexLock lock(&mutex_);
  return tables_.PathsBeneath(folder);
}

Library::Totals Library::GetTotals() const {
  MutexLock lock(&mutex_);
  return {tables_.listings.size(), tables_.listings.bytes(), tables_.unlisted.pending(),
          tables_.listings.unsettled()};
}

// --- Serving ---

absl::StatusOr<ServedBook> Library::OpenForServing(const ContentId& content, uint64_t preferred) {
  std::vector<ServingCandidate> candidates;
  bool releasing = false;
  {
    MutexLock lock(&mutex_);
    for (const ListingTable::Entry* entry : tables_.listings.FindContent(content)) {
      if (entry->releasing) {
        releasing = true;
      } else {
        candidates.push_back({entry->book, entry->ended});
        if (entry->book.record.number == preferred)
          std::swap(candidates.front(), candidates.back());
      }
    }
  }
  const bool listed = !candidates.empty();
  absl::StatusOr<ServedBook> opened = OpenFirst(
      *folder_, std::move(candidates), [this](const std::string& path) { RequestExamine(path); });
  if (opened.ok()) return opened;
  if (releasing) {
    return MakeError(Reason::kBookUnsettled, "the book is being handed over; ask again in a moment",
                     {}, absl::Milliseconds(100));
  }
  return listed ? std::move(opened) : WhyNotServed(*ledger_, content);
}

void Library::Doubt(const ContentId& content, absl::FunctionRef<void(const FileIdentity&)> forget) {
  std::vector<ListingRecord> records;
  {
    MutexLock lock(&mutex_);
    for (const ListingTable::Entry* entry : tables_.listings.FindContent(content)) {
      if (!doubts_.Add(entry->book.record.number, clock_->Monotonic())) continue;
      records.push_back(entry->book.record);
    }
  }
  // The scanner believes the cache, so the cache forgets first.
  for (const ListingRecord& record : records) forget(record.identity);
  for (const ListingRecord& record : records) {
    {
      MutexLock lock(&mutex_);
      ListingTable::Entry* const entry = tables_.listings.Find(record.number);
      if (entry != nullptr) entry->book.record.identity.ctime_ns = kDoubtedCtime;
    }
    RequestExamine(record.path);
  }
}

// --- What the scanner finds in the folder ---

absl::StatusOr<size_t> Library::Apply(std::vector<Finding> findings) {
  FindingPlan plan = [&] {
    MutexLock lock(&mutex_);
    return FindingPlan::Of(std::move(findings), tables_, options_.max_books);
  }();
  // When the ledger cannot be written, the next start hashes these files once more.
  if (!plan.touched().empty()) ledger_->RecordIdentities(plan.touched()).IgnoreError();
  return Carry(std::move(plan));
}

absl::StatusOr<size_t> Library::Renumber(uint64_t number) {
  FindingPlan plan = [&] {
    MutexLock lock(&mutex_);
    return FindingPlan::NewNumbers(tables_);
  }();
  absl::StatusOr<size_t> renumbered = Carry(std::move(plan), number);
  // After the ledger has made its numbers larger.
  if (absl::Status s = renumbered.ok() ? RenumberPartials(number) : absl::OkStatus(); !s.ok()) {
    return s;
  }
  return renumbered;
}

absl::Status Library::RenumberPartials(uint64_t above) {
  std::vector<uint64_t> keys;
  {
    MutexLock lock(&mutex_);
    for (const auto& [key, listing] : tables_.feed.partials()) {
      if (listing.number <= above) keys.push_back(key);
    }
  }
  for (const uint64_t key : keys) {
    const absl::StatusOr<uint64_t> number = ledger_->DrawListingNumber();
    if (!number.ok()) return number.status();
    MutexLock lock(&mutex_);
    tables_.feed.RenumberPartial(key, *number);
    feed_changed_.NotifyAll();
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> Library::Carry(FindingPlan plan, uint64_t above) {
  if (plan.size() == 0 && above == 0) return size_t{0};
  const absl::StatusOr<std::vector<uint64_t>> numbers =
      ledger_->ReplaceListings(plan.Changes(), above);
  const size_t recorded = numbers.ok() ? plan.size() : 0;
  for (size_t first = 0; first < recorded; first += kSlice) {
    MutexLock lock(&mutex_);
    ended_ += plan.Carry(tables_, first, absl::MakeConstSpan(*numbers).subspan(first, kSlice));
    feed_changed_.NotifyAll();
  }
  MutexLock lock(&mutex_);
  plan.Unclaim(tables_);
  unclaimed_.NotifyAll();
  if (!numbers.ok()) return numbers.status();
  return plan.size();
}

void Library::Confirm(const std::string& path, bool lend_only, const std::string& trouble) {
  MutexLock lock(&mutex_);
  ListingTable::Entry* entry = tables_.listings.FindPath(path);
  if (entry == nullptr) return;
  entry->book.lend_only = lend_only;
  entry->book.trouble = trouble;
}

std::vector<std::optional<std::string>> Library::ConfirmAll(absl::Span<const SeenFile> files) {
  std::vector<std::optional<std::string>> reasons(files.size());
  for (size_t first = 0; first < files.size(); first += kSlice) {
    MutexLock lock(&mutex_);
    for (size_t i = first; i < std::min(files.size(), first + kSlice); ++i) {
      ListingTable::Entry* const entry = tables_.listings.FindPath(files[i].path);
      if (entry == nullptr) continue;
      Book& book = entry->book;
      if (book.record.identity != files[i].identity || !book.trouble.empty()) continue;
      book.lend_only = files[i].lend_only;
      reasons[i] = book.lend_reason;
    }
  }
  return reasons;
}

void Library::SetLendReason(const std::string& path, const std::string& reason) {
  MutexLock lock(&mutex_);
  if (ListingTable::Entry* entry = tables_.listings.FindPath(path)) {
    entry->book.lend_reason = reason;
  }
}

void Library::NoteUnshared(const std::string& path, uint64_t size, const std::string& reason) {
  MutexLock lock(&mutex_);
  tables_.unlisted.Put(path, {size, reason});
}

absl::Status Library::Prune() {
  {
    MutexLock lock(&mutex_);
    if (ended_ < kPruneAfter) return absl::OkStatus();
    ended_ = 0;
  }
  return ledger_->PruneListings();
}

void Library::List(Book book) {
  tables_.List(std::move(book));
  feed_changed_.NotifyAll();
}

// --- Names and paths in use by transfers ---

absl::Status Library::ReserveName(const BookName& name) {
  if (absl::Status s = folder_->CheckInPlace(); !s.ok()) {
    return MakeError(Reason::kInternal, s.message());
  }
  MutexLock lock(&mutex_);
  if (tables_.listings.FindName(name) != nullptr || !tables_.claims.ReserveName(name)) {
    return MakeError(Reason::kNameTaken,
                     absl::StrCat("there is already a book named ", EscapeForDisplay(name.value()),
                                  " here, or one on its way; choose another name for this one"));
  }
  return absl::OkStatus();
}

void Library::UnreserveName(const BookName& name) {
  MutexLock lock(&mutex_);
  tables_.claims.UnreserveName(name);
}

void Library::Unclaim(const std::string& path) {
  tables_.claims.Unclaim(path);
  unclaimed_.NotifyAll();
}

void Library::ClaimPath(const std::string& path) {
  MutexLock lock(&mutex_);
  while (!tables_.claims.Claim(path)) unclaimed_.Wait(&mutex_);
}

bool Library::TryClaimPath(const std::string& path) {
  MutexLock lock(&mutex_);
  return tables_.claims.Claim(path);
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
  return tables_.claims.Claimed(path);
}

void Library::Receive(absl::Span<const ListingRecord> records) {
  std::vector<uint64_t> replaced;
  {
    MutexLock lock(&mutex_);
    for (const ListingRecord& record : records) {
      // A file of that name may have been listed and deleted since; its listing must not linger.
      if (const ListingTable::Entry* entry = tables_.listings.FindPath(record.path)) {
        const uint64_t old = entry->book.record.number;
        tables_.End(old);
        replaced.push_back(old);
      }
      List(Book{record, false});
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
    ListingTable::Entry* entry = tables_.listings.Find(number);
    if (entry == nullptr) {
      Push(number);  // it went while the index did not know of it yet
    } else if (entry->book.record.unsettled) {
      tables_.listings.Settle(number);
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
      ListingTable::Entry* entry = tables_.listings.Find(item.listing);
      if (entry == nullptr) break;
      const ListingRecord& record = entry->book.record;
      if (entry->releasing || tables_.claims.Claimed(record.path)) {
        unclaimed_.Wait(&mutex_);
        continue;
      }
      if (record.content != item.content) break;
      const bool lends = options_.policy == SharePolicy::kCopy;
      if (absl::Status s = MayRelease(entry->book, lends); !s.ok()) return s;
      entry->releasing = true;
      tables_.claims.Claim(record.path);
      return entry->book;
    }
  }
  return WhyNotReleased(*ledger_, item);
}

void Library::FinishRelease(uint64_t number) {
  std::string path;
  {
    MutexLock lock(&mutex_);
    const ListingTable::Entry* entry = tables_.listings.Find(number);
    if (entry == nullptr) return;
    path = entry->book.record.path;
    tables_.listings.Erase(number);
    tables_.feed.PushGoneAt(number, clock_->Monotonic() + kGoneDelay);
    feed_changed_.NotifyAll();  // the reader may be waiting for longer
    Unclaim(path);
  }
  RequestExamine(path);  // another file may be there now
}

void Library::CancelRelease(uint64_t number) {
  std::string path;
  {
    MutexLock lock(&mutex_);
    ListingTable::Entry* entry = tables_.listings.Find(number);
    if (entry == nullptr) return;
    entry->releasing = false;
    path = entry->book.record.path;
    Unclaim(path);
  }
  RequestExamine(path);
}

void Library::AnnounceGone(uint64_t number) {
  MutexLock lock(&mutex_);
  tables_.feed.PushGoneNow(number);
  feed_changed_.NotifyAll();
}

// --- Books that are being received ---

void Library::AnnouncePartial(const BookListing& listing) {
  MutexLock lock(&mutex_);
  if (tables_.listings.HasContent(listing.content)) return;
  if (tables_.listings.size() + tables_.feed.partials().size() >= options_.max_books) return;
  tables_.feed.AddPartial(listing);
  feed_changed_.NotifyAll();
}

void Library::WithdrawPartial(uint64_t number) {
  MutexLock lock(&mutex_);
  tables_.feed.RemovePartial(number);
  feed_changed_.NotifyAll();
}

// --- The feed for the index ---

void Library::Push(Change change) {
  tables_.feed.Push(std::move(change));
  feed_changed_.NotifyAll();
}

std::vector<BookListing> Library::StartFeed() {
  MutexLock lock(&mutex_);
  tables_.feed.Clear();
  return tables_.Announced();
}

std::vector<Library::Change> Library::NextChanges(absl::Duration wait, size_t most) {
  MutexLock lock(&mutex_);
  const absl::Time until = clock_->Monotonic() + wait;
  while (true) {
    const absl::Time now = clock_->Monotonic();
    const absl::Time next = std::min(until, tables_.feed.PushDue(now));
    if (!tables_.feed.empty() || feed_woken_ || now >= until) break;
    feed_changed_.WaitFor(&mutex_, next - now);
  }
  feed_woken_ = false;
  return tables_.feed.Take(most);
}

void Library::WakeFeed() {
  MutexLock lock(&mutex_);
  feed_woken_ = true;
  feed_changed_.NotifyAll();
}

}  // namespace arkshare
