#include "services/peer/library/releases.h"

#include <string>
#include <utility>

#include "services/peer/library/missing_book.h"

namespace arkshare {
namespace {

// How long a released listing stays announced when its receiver is silent. Until then the index
// still names this peer, which tells readers where the book went, so a move leaves no gap in a
// search.
constexpr absl::Duration kGoneDelay = absl::Seconds(2);

}  // namespace

Releases::Releases(GuardedTables* shared, LedgerListings* listings, LedgerReleases* releases,
                   const Clock* clock, bool lends_all,
                   std::function<void(const std::string& path)> examine)
    : shared_(shared),
      listings_(listings),
      releases_(releases),
      clock_(clock),
      lends_all_(lends_all),
      examine_(std::move(examine)) {}

absl::StatusOr<Book> Releases::Begin(const ReleaseItem& item) {
  {
    MutexLock lock(&shared_->mutex);
    while (true) {
      ListingTable::Entry* entry = shared_->tables.listings.Find(item.listing);
      if (entry == nullptr) break;
      const ListingRecord& record = entry->book.record;
      if (entry->releasing || shared_->tables.claims.Claimed(record.path)) {
        shared_->unclaimed.Wait(&shared_->mutex);
        continue;
      }
      if (record.content != item.content) break;
      if (absl::Status s = MayRelease(entry->book, lends_all_); !s.ok()) return s;
      entry->releasing = true;
      shared_->tables.claims.Claim(record.path);
      return entry->book;
    }
  }
  return WhyNotReleased(*listings_, *releases_, item);
}

void Releases::Finish(uint64_t number) {
  std::string path;
  {
    MutexLock lock(&shared_->mutex);
    const ListingTable::Entry* entry = shared_->tables.listings.Find(number);
    if (entry == nullptr) return;
    path = entry->book.record.path;
    shared_->tables.listings.Erase(number);
    shared_->tables.feed.PushGoneAt(number, clock_->Monotonic() + kGoneDelay);
    shared_->feed_changed.NotifyAll();  // the reader may be waiting for longer
    shared_->tables.claims.Unclaim(path);
    shared_->unclaimed.NotifyAll();
  }
  examine_(path);  // another file may be there now
}

void Releases::Cancel(uint64_t number) {
  std::string path;
  {
    MutexLock lock(&shared_->mutex);
    ListingTable::Entry* entry = shared_->tables.listings.Find(number);
    if (entry == nullptr) return;
    entry->releasing = false;
    path = entry->book.record.path;
    shared_->tables.claims.Unclaim(path);
    shared_->unclaimed.NotifyAll();
  }
  examine_(path);
}

void Releases::AnnounceGone(uint64_t number) {
  MutexLock lock(&shared_->mutex);
  shared_->tables.feed.PushGoneNow(number);
  shared_->feed_changed.NotifyAll();
}

}  // namespace arkshare
