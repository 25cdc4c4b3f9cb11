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

// Listings that end before the ledger is pruned again.
constexpr uint64_t kPruneAfter = 20'000;

std::optional<Book> BookOf(const ListingTable::Entry* entry) {
  return entry == nullptr ? std::nullopt : std::optional<Book>(entry->book);
}

}  // namespace

Library::Library(const SharedFolder* folder, Ledger* ledger, const Clock* clock, Options options)
    : folder_(folder),
      ledger_listings_(ledger->listings()),
      ledger_releases_(ledger->releases()),
      clock_(clock),
      options_(options),
      unshared_(folder, ledger->unshared()),
      releases_(&shared_, ledger->listings(), ledger->releases(), clock,
                options.policy == SharePolicy::kCopy,
                [this](const std::string& path) { RequestExamine(path); }),
      feed_(&shared_, ledger->listings(), clock, options.max_books) {}

absl::Status Library::Load() {
  const absl::StatusOr<uint64_t> last = ledger_listings_->LastNumber();
  if (!last.ok()) return last.status();
  number_at_load_ = *last;
  ledger_listings_->Prune().IgnoreError();  // it only takes room
  absl::StatusOr<std::vector<ListingRecord>> listings = ledger_listings_->Present();
  if (!listings.ok()) return listings.status();
  if (absl::Status s = unshared_.Load(); !s.ok()) return s;
  std::vector<LedgerListings::Replacement> surplus;
  for (const uint64_t number : TakeSurplus(*listings, options_.max_books)) {
    surplus.push_back({.gone = number});
  }
  // When this fails, the next Load ends them.
  if (!surplus.empty()) ledger_listings_->ReplaceAll(surplus).IgnoreError();
  MutexLock lock(&shared_.mutex);
  for (ListingRecord& record : *listings) {
    // A claimed path is that of a received book that cannot enter the folder yet.
    if (!shared_.tables.claims.Claimed(record.path)) List(Book{std::move(record), false});
  }
  shared_.tables.feed.Clear();
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
  MutexLock lock(&shared_.mutex);
  return BookOf(shared_.tables.listings.FindName(name));
}

std::optional<Book> Library::FindContent(const ContentId& content) const {
  MutexLock lock(&shared_.mutex);
  const std::vector<const ListingTable::Entry*> entries =
      shared_.tables.listings.FindContent(content);
  return BookOf(entries.empty() ? nullptr : entries.front());
}

std::optional<Book> Library::FindPath(const std::string& path) const {
  MutexLock lock(&shared_.mutex);
  return BookOf(shared_.tables.listings.FindPath(path));
}

std::optional<LibraryItem> Library::FindUnlisted(const std::string& path) const {
  MutexLock lock(&shared_.mutex);
  const UnlistedFiles::Entry* entry = shared_.tables.unlisted.Find(path);
  if (entry == nullptr) return std::nullopt;
  return LibraryItem{path, entry->size, std::nullopt, entry->reason};
}

std::vector<LibraryItem> Library::Items(const std::string& after, size_t limit) const {
  MutexLock lock(&shared_.mutex);
  return shared_.tables.Items(after, limit);
}

std::vector<LibraryKey> Library::Keys(const std::string& after, size_t limit) const {
  MutexLock lock(&shared_.mutex);
  return shared_.tables.Keys(after, limit);
}

std::optional<LibraryItem> Library::ItemAt(const std::string& path) const {
  MutexLock lock(&shared_.mutex);
  return shared_.tables.ItemAt(path);
}

std::vector<std::string> Library::PathsBeneath(const std::string& folder) const {
  MutexLock lock(&shared_.mutex);
  return shared_.tables.PathsBeneath(folder);
}

Library::Totals Library::GetTotals() const {
  MutexLock lock(&shared_.mutex);
  return {shared_.tables.listings.size(), shared_.tables.listings.bytes(),
          shared_.tables.unlisted.pending(), shared_.tables.listings.unsettled(),
          shared_.tables.unlisted.by_path().size()};
}

// --- Serving ---

absl::StatusOr<ServedBook> Library::OpenForServing(const ContentId& content, uint64_t preferred) {
  std::vector<ServingCandidate> candidates;
  bool releasing = false;
  {
    MutexLock lock(&shared_.mutex);
    for (const ListingTable::Entry* entry : shared_.tables.listings.FindContent(content)) {
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
  return listed ? std::move(opened) : WhyNotServed(*ledger_releases_, content);
}

void Library::Doubt(const ContentId& content, absl::FunctionRef<void(const FileIdentity&)> forget) {
  std::vector<ListingRecord> records;
  {
    MutexLock lock(&shared_.mutex);
    for (const ListingTable::Entry* entry : shared_.tables.listings.FindContent(content)) {
      if (!doubts_.Add(entry->book.record.number, clock_->Monotonic())) continue;
      records.push_back(entry->book.record);
    }
  }
  // The scanner believes the cache, so the cache forgets first.
  for (const ListingRecord& record : records) forget(record.identity);
  for (const ListingRecord& record : records) {
    {
      MutexLock lock(&shared_.mutex);
      ListingTable::Entry* const entry = shared_.tables.listings.Find(record.number);
      if (entry != nullptr) entry->book.record.identity.ctime_ns = kDoubtedCtime;
    }
    RequestExamine(record.path);
  }
}

// --- What the scanner finds in the folder ---

absl::StatusOr<size_t> Library::Apply(std::vector<Finding> findings) {
  FindingPlan plan = [&] {
    MutexLock lock(&shared_.mutex);
    return FindingPlan::Of(std::move(findings), shared_.tables, options_.max_books);
  }();
  // When the ledger cannot be written, the next start hashes these files once more.
  if (!plan.touched().empty()) ledger_listings_->RecordIdentities(plan.touched()).IgnoreError();
  return Carry(std::move(plan));
}

absl::StatusOr<size_t> Library::Renumber(uint64_t number) {
  FindingPlan plan = [&] {
    MutexLock lock(&shared_.mutex);
    return FindingPlan::NewNumbers(shared_.tables);
  }();
  absl::StatusOr<size_t> renumbered = Carry(std::move(plan), number);
  // After the ledger has made its numbers larger.
  if (absl::Status s = renumbered.ok() ? feed_.RenumberPartials(number) : absl::OkStatus();
      !s.ok()) {
    return s;
  }
  return renumbered;
}

absl::StatusOr<size_t> Library::Carry(FindingPlan plan, uint64_t above) {
  if (plan.size() == 0 && above == 0) return size_t{0};
  const absl::StatusOr<std::vector<uint64_t>> numbers =
      ledger_listings_->ReplaceAll(plan.Changes(), above);
  const size_t recorded = numbers.ok() ? plan.size() : 0;
  for (size_t first = 0; first < recorded; first += kSlice) {
    MutexLock lock(&shared_.mutex);
    ended_ +=
        plan.Carry(shared_.tables, first, absl::MakeConstSpan(*numbers).subspan(first, kSlice));
    shared_.feed_changed.NotifyAll();
  }
  MutexLock lock(&shared_.mutex);
  plan.Unclaim(shared_.tables);
  shared_.unclaimed.NotifyAll();
  if (!numbers.ok()) return numbers.status();
  return plan.size();
}

void Library::Confirm(const std::string& path, bool lend_only, const std::string& trouble) {
  MutexLock lock(&shared_.mutex);
  ListingTable::Entry* entry = shared_.tables.listings.FindPath(path);
  if (entry == nullptr) return;
  Book& book = entry->book;
  if (book.lend_only == lend_only && book.trouble == trouble) return;
  book.lend_only = lend_only;
  book.trouble = trouble;
  shared_.tables.watches.Touch(path);
}

std::vector<std::optional<std::string>> Library::ConfirmAll(absl::Span<const SeenFile> files) {
  std::vector<std::optional<std::string>> reasons(files.size());
  for (size_t first = 0; first < files.size(); first += kSlice) {
    MutexLock lock(&shared_.mutex);
    for (size_t i = first; i < std::min(files.size(), first + kSlice); ++i) {
      ListingTable::Entry* const entry = shared_.tables.listings.FindPath(files[i].path);
      if (entry == nullptr) continue;
      Book& book = entry->book;
      if (book.record.identity != files[i].identity || !book.trouble.empty()) continue;
      if (std::exchange(book.lend_only, files[i].lend_only) != files[i].lend_only) {
        shared_.tables.watches.Touch(files[i].path);
      }
      reasons[i] = book.lend_reason;
    }
  }
  return reasons;
}

void Library::SetLendReason(const std::string& path, const std::string& reason) {
  MutexLock lock(&shared_.mutex);
  ListingTable::Entry* const entry = shared_.tables.listings.FindPath(path);
  if (entry == nullptr || std::exchange(entry->book.lend_reason, reason) == reason) return;
  shared_.tables.watches.Touch(path);
}

void Library::NoteUnshared(const std::string& path, uint64_t size, const std::string& reason) {
  MutexLock lock(&shared_.mutex);
  shared_.tables.unlisted.Put(path, {size, reason});
}

absl::Status Library::Prune() {
  {
    MutexLock lock(&shared_.mutex);
    if (ended_ < kPruneAfter) return absl::OkStatus();
    ended_ = 0;
  }
  return ledger_listings_->Prune();
}

void Library::List(Book book) {
  shared_.tables.List(std::move(book));
  shared_.feed_changed.NotifyAll();
}

// --- Names and paths in use by transfers ---

absl::Status Library::ReserveName(const BookName& name) {
  if (absl::Status s = folder_->CheckInPlace(); !s.ok()) {
    return MakeError(Reason::kInternal, s.message());
  }
  MutexLock lock(&shared_.mutex);
  if (shared_.tables.listings.FindName(name) != nullptr ||
      !shared_.tables.claims.ReserveName(name)) {
    return MakeError(Reason::kNameTaken,
                     absl::StrCat("there is already a book named ", EscapeForDisplay(name.value()),
                                  " here, or one on its way; choose another name for this one"));
  }
  return absl::OkStatus();
}

void Library::UnreserveName(const BookName& name) {
  MutexLock lock(&shared_.mutex);
  shared_.tables.claims.UnreserveName(name);
}

void Library::Unclaim(const std::string& path) {
  shared_.tables.claims.Unclaim(path);
  shared_.unclaimed.NotifyAll();
}

void Library::ClaimPath(const std::string& path) {
  MutexLock lock(&shared_.mutex);
  while (!shared_.tables.claims.Claim(path)) shared_.unclaimed.Wait(&shared_.mutex);
}

bool Library::TryClaimPath(const std::string& path) {
  MutexLock lock(&shared_.mutex);
  return shared_.tables.claims.Claim(path);
}

void Library::UnclaimPath(const std::string& path) {
  {
    MutexLock lock(&shared_.mutex);
    Unclaim(path);
  }
  RequestExamine(path);
}

bool Library::Claimed(const std::string& path) const {
  MutexLock lock(&shared_.mutex);
  return shared_.tables.claims.Claimed(path);
}

void Library::Receive(absl::Span<const ListingRecord> records) {
  std::vector<uint64_t> replaced;
  {
    MutexLock lock(&shared_.mutex);
    for (const ListingRecord& record : records) {
      // A file of that name may have been listed and deleted since; its listing must not linger.
      if (const ListingTable::Entry* entry = shared_.tables.listings.FindPath(record.path)) {
        const uint64_t old = entry->book.record.number;
        shared_.tables.End(old);
        replaced.push_back(old);
      }
      List(Book{record, false});
    }
  }
  // When this fails, the next Load ends the listing.
  for (uint64_t old : replaced) {
    ledger_listings_->End(old, ListingRecord::State::kDeleted).IgnoreError();
  }
}

absl::Status Library::Settle(absl::Span<const uint64_t> numbers) {
  if (absl::Status s = ledger_listings_->Settle(numbers); !s.ok()) return s;
  MutexLock lock(&shared_.mutex);
  for (uint64_t number : numbers) {
    ListingTable::Entry* entry = shared_.tables.listings.Find(number);
    if (entry == nullptr) {
      Push(number);  // it went while the index did not know of it yet
    } else if (entry->book.record.unsettled) {
      shared_.tables.listings.Settle(number);
      Push(entry->book.listing());
    }
  }
  return absl::OkStatus();
}

void Library::Push(Change change) {
  shared_.tables.feed.Push(std::move(change));
  shared_.feed_changed.NotifyAll();
}

}  // namespace arkshare
