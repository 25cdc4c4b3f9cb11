#include "services/peer/library/library_feed.h"

#include <algorithm>

namespace arkshare {

std::vector<BookListing> LibraryFeed::Start() {
  MutexLock lock(&shared_->mutex);
  shared_->tables.feed.Clear();
  return shared_->tables.Announced();
}

std::vector<LibraryFeed::Change> LibraryFeed::Next(absl::Duration wait, size_t most) {
  MutexLock lock(&shared_->mutex);
  const absl::Time until = clock_->Monotonic() + wait;
  while (true) {
    const absl::Time now = clock_->Monotonic();
    const absl::Time next = std::min(until, shared_->tables.feed.PushDue(now));
    if (!shared_->tables.feed.empty() || woken_ || now >= until) break;
    shared_->feed_changed.WaitFor(&shared_->mutex, next - now);
  }
  woken_ = false;
  return shared_->tables.feed.Take(most);
}

void LibraryFeed::Wake() {
  MutexLock lock(&shared_->mutex);
  woken_ = true;
  shared_->feed_changed.NotifyAll();
}

void LibraryFeed::AnnouncePartial(const BookListing& listing) {
  MutexLock lock(&shared_->mutex);
  if (shared_->tables.listings.HasContent(listing.content)) return;
  if (shared_->tables.listings.size() + shared_->tables.feed.partials().size() >= most_books_)
    return;
  shared_->tables.feed.AddPartial(listing);
  shared_->feed_changed.NotifyAll();
}

void LibraryFeed::WithdrawPartial(uint64_t number) {
  MutexLock lock(&shared_->mutex);
  shared_->tables.feed.RemovePartial(number);
  shared_->feed_changed.NotifyAll();
}

absl::Status LibraryFeed::RenumberPartials(uint64_t above) {
  std::vector<uint64_t> keys;
  {
    MutexLock lock(&shared_->mutex);
    for (const auto& [key, listing] : shared_->tables.feed.partials()) {
      if (listing.number <= above) keys.push_back(key);
    }
  }
  for (const uint64_t key : keys) {
    const absl::StatusOr<uint64_t> number = ledger_->DrawNumber();
    if (!number.ok()) return number.status();
    MutexLock lock(&shared_->mutex);
    shared_->tables.feed.RenumberPartial(key, *number);
    shared_->feed_changed.NotifyAll();
  }
  return absl::OkStatus();
}

}  // namespace arkshare
