// Gets the bytes of one book from all peers that have it, and verifies each piece before it counts.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_FETCHER_H_
#define ARKSHARE_SERVICES_PEER_FETCH_FETCHER_H_

#include <absl/status/statusor.h>

#include <set>
#include <vector>

#include "lib/core/mutex.h"
#include "services/peer/fetch/fetch_job.h"

namespace arkshare {

class BookFetch;

// Thread-safe: several fetches may run at a time.
class Fetcher {
 public:
  using Parts = FetchParts;
  using Job = FetchJob;

  // All must outlive it.
  Fetcher(Holders* holders, RateLimiter* download_limiter, IdleWatchdog* watchdog,
          const Clock* clock = Clock::Real())
      : parts_{holders, download_limiter, watchdog, clock} {}

  // Returns the piece hashes of the book, which is then whole in `job.fd`. After an error the file
  // keeps the pieces that were verified, and another Fetch goes on from them.
  // Errors: kNoHolderReachable, kBookMoved, kContentMismatch, kDiskFull, Cancelled (after Stop).
  absl::StatusOr<std::vector<Sha256Digest>> Fetch(const Job& job);

  // Makes the running fetch with this id end with Cancelled. Does nothing when there is none.
  void End(const TransferId& id);
  // Ends all fetches; later ones end at once.
  void Stop();

 private:
  const Parts parts_;
  Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<BookFetch*> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_FETCHER_H_
