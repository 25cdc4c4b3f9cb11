// The changes of the library, for the index.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_FEED_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_FEED_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/core/book_listing.h"
#include "lib/core/clock.h"
#include "services/peer/disk/ledger_listings.h"
#include "services/peer/library/change_feed.h"
#include "services/peer/library/library_tables.h"

namespace arkshare {

// Has one reader, which calls Start, Next and nothing else. Thread-safe: shares the lock of the
// tables.
class LibraryFeed {
 public:
  using Change = ChangeFeed::Change;

  // `most_books`: more are not announced. All must outlive it.
  LibraryFeed(GuardedTables* shared, LedgerListings* ledger, const Clock* clock,
              uint64_t most_books)
      : shared_(shared), ledger_(ledger), clock_(clock), most_books_(most_books) {}

  // Returns everything that is announced now; Next continues from here.
  std::vector<BookListing> Start();
  // Waits at most `wait` for the first change and returns at most `most`.
  std::vector<Change> Next(absl::Duration wait, size_t most);
  // Makes a waiting Next return.
  void Wake();

  // --- Books that are being received, of which other peers may read the pieces that are here ---
  // Announces a partial listing until it is withdrawn or the whole book is listed. Does nothing
  // when the whole book is here, or beyond `most_books`.
  void AnnouncePartial(const BookListing& listing);
  // Withdraws it by the number with which it was announced, also when it has another one since.
  void WithdrawPartial(uint64_t number);
  // Gives new numbers of the ledger to the partial listings that have at most `above`. Errors:
  // those of the ledger; then some have their old numbers.
  absl::Status RenumberPartials(uint64_t above);

 private:
  GuardedTables* const shared_;
  LedgerListings* const ledger_;
  const Clock* const clock_;
  const uint64_t most_books_;
  bool woken_ ABSL_GUARDED_BY(shared_->mutex) = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_FEED_H_
