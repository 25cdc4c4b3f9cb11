// Gets the bytes of one book from those who have it, and verifies each piece before it counts.
#ifndef ARKSHARE_SERVICES_PEER_FETCHER_H_
#define ARKSHARE_SERVICES_PEER_FETCHER_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/core/rate_limiter.h"
#include "services/peer/holders.h"
#include "services/peer/idle_watchdog.h"

namespace arkshare {

// Thread-safe: several fetches may run at a time.
class Fetcher {
 public:
  // All must outlive it.
  Fetcher(Holders* holders, RateLimiter* download_limiter, IdleWatchdog* watchdog)
      : holders_(holders), limiter_(download_limiter), watchdog_(watchdog) {}

  struct Job {
    ContentId content;
    // An empty file, for reading and writing; only verified pieces are written to it.
    int fd = -1;
    // Who has the book now; asked again when those that were known have failed.
    std::function<absl::StatusOr<std::vector<BookHolder>>()> find_holders;
    // When this one says that the book has moved, nobody else is asked: its listing cannot be
    // taken.
    std::optional<PublicKey> source;
    // Told, without locks, about verified bytes and the place in a holder's queue (nullopt: not
    // queued).
    std::function<void(uint64_t bytes, std::optional<int> queue_position)> on_progress;
  };
  // The piece hashes of the book, which is then whole in `job.fd`.
  // Errors: kNoHolderReachable, kBookMoved, kContentMismatch, kDiskFull, Cancelled (after Stop).
  absl::StatusOr<std::vector<Sha256Digest>> Fetch(const Job& job);

  // Ends all fetches; later ones end at once.
  void Stop();

 private:
  struct Work;
  absl::Status FetchManifest(const BookHolder& holder, Work& work);
  absl::Status FetchRun(const BookHolder& holder, Work& work);
  bool Pace(uint64_t bytes, IdleWatchdog::Watch& watch);
  bool Enter(grpc::ClientContext* context);
  void Leave(grpc::ClientContext* context);
  bool stopped() const;

  Holders* const holders_;
  RateLimiter* const limiter_;
  IdleWatchdog* const watchdog_;
  mutable Mutex mutex_;
  CondVar stop_changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCHER_H_
