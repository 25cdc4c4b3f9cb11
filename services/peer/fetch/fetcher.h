// Gets the bytes of one book from everybody who has it, and verifies each piece before it counts.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_FETCHER_H_
#define ARKSHARE_SERVICES_PEER_FETCH_FETCHER_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/core/rate_limiter.h"
#include "lib/rpc/idle_watchdog.h"
#include "services/peer/fetch/holders.h"

namespace arkshare {

class BookFetch;
class PartialBook;

// Where a stream stands in a holder's queue, by the holder's word.
struct QueuePlace {
  int position = 0;  // how many are served before
  std::optional<absl::Duration> estimated_wait{};
};

QueuePlace QueuePlaceOf(const v1::DownloadResponse::Queued& queued);

// Thread-safe: several fetches may run at a time.
class Fetcher {
 public:
  // All must outlive it.
  Fetcher(Holders* holders, RateLimiter* download_limiter, IdleWatchdog* watchdog)
      : parts_{holders, download_limiter, watchdog} {}

  struct Parts {
    Holders* holders;
    RateLimiter* limiter;
    IdleWatchdog* watchdog;
  };

  struct Job {
    ContentId content;
    // A file for reading and writing. Pieces of the book that it holds already, from a fetch that
    // was interrupted, are kept; what else it holds is overwritten.
    int fd = -1;
    // Who has the book now; asked at first, when those that were known have failed, and now and
    // then.
    std::function<absl::StatusOr<std::vector<BookHolder>>()> find_holders;
    // When this one says that the book has moved, nobody else is asked: its listing cannot be
    // taken.
    std::optional<PublicKey> source;
    // Where others may read the pieces as they are verified; nullptr for nowhere. Then the first
    // piece is one by chance, so that those who begin together have something for each other.
    PartialBook* offer = nullptr;
    // Told, from the thread that called Fetch and without locks, about verified bytes and the place
    // in a holder's queue (nullopt: not queued).
    std::function<void(uint64_t bytes, std::optional<QueuePlace> place)> on_progress;
    // The same, before it, of each piece that is verified: who has brought it. May be empty.
    std::function<void(uint32_t peer_id, uint64_t bytes)> on_piece{};
  };
  // The piece hashes of the book, which is then whole in `job.fd`. After an error, the pieces that
  // were verified stand there, and another Fetch goes on with them.
  // Errors: kNoHolderReachable, kBookMoved, kContentMismatch, kDiskFull, Cancelled (after Stop).
  absl::StatusOr<std::vector<Sha256Digest>> Fetch(const Job& job);

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
