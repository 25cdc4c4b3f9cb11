#include "services/peer/library/library.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"

namespace arkshare {
Library::Library(const SharedFolder* folder, Ledger* ledger, const Clock* clock, Options options)
    : folder_(folder), ledger_(ledger), clock_(clock), options_(options) {}

absl::Status Library::Load() {
  absl::StatusOr<std::vector<ListingRecord>> listings = ledger_->PresentListings();
  if (!listings.ok()) return listings.status();
  absl::StatusOr<std::vector<std::string>> unshared = ledger_->UnsharedPaths();
  if (!unshared.ok()) return unshared.status();
  // A crash may have left two listings of one path: the later one took the place of the other.
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
    if (seen.erase(record.path) > 0) Insert(Book{std::move(record), false});
  }
  unshared_by_owner_.insert(unshared->begin(), unshared->end());
  feed_.clear();
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
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) return std::nullopt;
  return held_.at(it->second).book;
}

std::optional<Book> Library::FindContent(const ContentId& content) const {
  MutexLock lock(&mutex_);
  const auto it = by_content_.find(content);
  if (it == by_content_.end()) return std::nullopt;
  return held_.at(*it->second.begin()).book;
}

const Library::Held* Library::HeldAt(const std::string& path) const {
  const auto it = by_path_.find(path);
  return it == by_path_.end() ? nullptr : &held_.at(it->second);
}

std::optional<Book> Library::FindPath(const std::string& path) const {
  MutexLock lock(&mutex_);
  const Held* held = HeldAt(path);
  if (held == nullptr) return std::nullopt;
  return held->book;
}

std::optional<LibraryItem> Library::FindUnlisted(const std::string& path) const {
  MutexLock lock(&mutex_);
  const auto it = others_.find(path);
  if (it == others_.end()) return std::nullopt;
  return LibraryItem{path, it->second.size, std::nullopt, it->second.reason};
}

std::vector<LibraryItem> Library::Items(const std::string& after, size_t limit) const {
  MutexLock lock(&mutex_);
  std::vector<LibraryItem> out;
  auto book = by_path_.upper_bound(after);
  auto other = others_.upper_bound(after);
  while (out.size() < limit && (book != by_path_.end() || other != others_.end())) {
    if (other == others_.end() || (book != by_path_.end() && book->first <= other->first)) {
      const Book& found = held_.at(book->second).book;
      out.push_back({book->first, found.record.content.size, found, ""});
      if (other != others_.end() && other->first == book->first) ++other;
      ++book;
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
  for (const auto& [path, number] : by_path_) out.push_back(path);
  for (const auto& [path, other] : others_) out.push_back(path);
  return out;
}

Library::Totals Library::GetTotals() const {
  MutexLock lock(&mutex_);
  return {held_.size(), bytes_, pending_};
}

// --- Serving ---

absl::StatusOr<ServedBook> Library::OpenForServing(const ContentId& content) {
  std::vector<std::pair<Book, std::shared_ptr<const std::atomic<bool>>>> candidates;
  bool releasing = false;
  {
    MutexLock lock(&mutex_);
    if (const auto it = by_content_.find(content); it != by_content_.end()) {
      for (uint64_t number : it->second) {
        const Held& held = held_.at(number);
        if (held.releasing) {
          releasing = true;
        } else {
          candidates.emplace_back(held.book, held.ended);
        }
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
  return WhyNotHere(content);
}

absl::Status Library::WhyNotHere(const ContentId& content) {
  absl::StatusOr<std::optional<ReleaseRecord>> release = ledger_->FindReleaseOfContent(content);
  if (!release.ok()) return release.status();
  if (release->has_value()) {
    return MakeError(Reason::kBookMoved, "the book has moved to another peer; search again",
                     {{"moved_to_public_key", (*release)->receiver.hex()}});
  }
  return MakeError(Reason::kBookGone, "this peer does not have the book; search again");
}

// --- What the folder shows ---

void Library::Insert(Book book) {
  const uint64_t number = book.record.number;
  if (const auto other = others_.find(book.record.path); other != others_.end()) {
    if (other->second.reason.empty()) --pending_;
    others_.erase(other);
  }
  by_path_[book.record.path] = number;
  by_name_[book.record.name] = number;
  by_content_[book.record.content].insert(number);
  bytes_ += book.record.content.size;
  // First, so that nobody ever sees us with the whole book and with a part of it.
  WithdrawPartialsOf(book.record.content);
  if (!book.record.unsettled) PushChange(book.listing());
  held_.emplace(number, Held{.book = std::move(book)});
}

void Library::Erase(uint64_t number) {
  const auto it = held_.find(number);
  if (it == held_.end()) return;
  const ListingRecord& record = it->second.book.record;
  it->second.ended->store(true);
  by_path_.erase(record.path);
  // A received book may have the name that another one's path has in NFC.
  if (const auto named = by_name_.find(record.name);
      named != by_name_.end() && named->second == number) {
    by_name_.erase(named);
  }
  const auto content = by_content_.find(record.content);
  content->second.erase(number);
  if (content->second.empty()) by_content_.erase(content);
  bytes_ -= record.content.size;
  held_.erase(it);
}

absl::Status Library::Appear(ListingRecord record, bool lend_only) {
  const std::string path = record.path;
  uint64_t old = 0;
  std::string refusal;
  {
    MutexLock lock(&mutex_);
    if (claimed_.contains(path)) return absl::OkStatus();
    if (const Held* held = HeldAt(path)) {
      const ListingRecord& known = held->book.record;
      // Two threads have examined one file: it has appeared once.
      if (known.identity == record.identity && known.content == record.content) {
        return absl::OkStatus();
      }
      old = known.number;
    }
    const auto named = by_name_.find(record.name);
    if (named != by_name_.end() && named->second != old) {
      refusal = absl::StrCat("its name is that of another file once both are in Unicode NFC: ",
                             EscapeForDisplay(held_.at(named->second).book.record.path),
                             "; rename one of them");
    } else if (old == 0 && held_.size() >= options_.max_books) {
      refusal = absl::StrCat("the limit of ", options_.max_books,
                             " books is reached; raise --max-books or remove some");
    }
    // Nobody else may decide about this path while the ledger is written.
    if (refusal.empty()) claimed_.insert(path);
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
    Erase(old);
    PushChange(old);
  }
  Insert(Book{std::move(record), lend_only});
  return absl::OkStatus();
}

void Library::Confirm(const std::string& path, bool lend_only) {
  MutexLock lock(&mutex_);
  const auto it = by_path_.find(path);
  if (it != by_path_.end()) held_.at(it->second).book.lend_only = lend_only;
}

absl::Status Library::Vanish(const std::string& path, ListingRecord::State state) {
  Forget(path);
  uint64_t number = 0;
  {
    MutexLock lock(&mutex_);
    if (claimed_.contains(path)) return absl::OkStatus();
    const Held* held = HeldAt(path);
    if (held == nullptr) return absl::OkStatus();
    number = held->book.record.number;
    claimed_.insert(path);
  }
  absl::Status status = ledger_->EndListing(number, state);
  MutexLock lock(&mutex_);
  Unclaim(path);
  if (!status.ok()) return status;
  Erase(number);
  PushChange(number);
  return absl::OkStatus();
}

void Library::NotePending(const std::string& path, uint64_t size) {
  MutexLock lock(&mutex_);
  const auto [it, added] = others_.try_emplace(path, Other{size, ""});
  if (added || !it->second.reason.empty()) ++pending_;
  it->second = {size, ""};
}

void Library::NoteUnshared(const std::string& path, uint64_t size, const std::string& reason) {
  MutexLock lock(&mutex_);
  const auto [it, added] = others_.try_emplace(path, Other{size, reason});
  if (!added && it->second.reason.empty()) --pending_;
  it->second = {size, reason};
}

void Library::Forget(const std::string& path) {
  MutexLock lock(&mutex_);
  const auto it = others_.find(path);
  if (it == others_.end()) return;
  if (it->second.reason.empty()) --pending_;
  others_.erase(it);
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

// --- The feed ---

void Library::PushChange(Change change) {
  feed_.push_back(std::move(change));
  feed_changed_.NotifyAll();
}

std::vector<BookListing> Library::StartFeed() {
  MutexLock lock(&mutex_);
  feed_.clear();
  leaving_.clear();  // a snapshot says it without words
  std::vector<BookListing> out;
  for (const auto& [path, number] : by_path_) {
    const Book& book = held_.at(number).book;
    if (!book.record.unsettled) out.push_back(book.listing());
  }
  for (const auto& [number, listing] : partials_) out.push_back(listing);
  return out;
}

std::vector<Library::Change> Library::NextChanges(absl::Duration wait, size_t most) {
  MutexLock lock(&mutex_);
  const absl::Time until = clock_->Monotonic() + wait;
  while (true) {
    const absl::Time now = clock_->Monotonic();
    absl::Time next = until;
    for (auto it = leaving_.begin(); it != leaving_.end();) {
      if (it->second <= now) {
        feed_.push_back(it->first);
        it = leaving_.erase(it);
      } else {
        next = std::min(next, it->second);
        ++it;
      }
    }
    if (!feed_.empty() || feed_woken_ || now >= until) break;
    feed_changed_.WaitFor(&mutex_, next - now);
  }
  feed_woken_ = false;
  const size_t n = std::min(most, feed_.size());
  std::vector<Change> out(std::make_move_iterator(feed_.begin()),
                          std::make_move_iterator(feed_.begin() + static_cast<ptrdiff_t>(n)));
  feed_.erase(feed_.begin(), feed_.begin() + static_cast<ptrdiff_t>(n));
  return out;
}

void Library::WakeFeed() {
  MutexLock lock(&mutex_);
  feed_woken_ = true;
  feed_changed_.NotifyAll();
}

}  // namespace arkshare
