// Gets many small books from one peer in one stream, verified.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_SMALL_FETCHER_H_
#define ARKSHARE_SERVICES_PEER_FETCH_SMALL_FETCHER_H_

#include <absl/status/status.h>
#include <absl/types/span.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "lib/core/content_id.h"
#include "lib/core/file_attributes.h"
#include "lib/core/limits.h"
#include "lib/core/mutex.h"
#include "lib/core/rate_limiter.h"
#include "lib/rpc/idle_watchdog.h"
#include "services/peer/fetch/fetcher.h"
#include "services/peer/fetch/holders.h"
#include "services/peer/fetch/part_assembler.h"

namespace arkshare {

// A short cut beside Fetcher: it asks one holder and tries nothing again. The caller fetches the
// books that did not come with Fetcher. Thread-safe: several fetches may run at a time.
class SmallFetcher {
 public:
  // All must outlive it.
  SmallFetcher(Holders* holders, RateLimiter* download_limiter, IdleWatchdog* watchdog)
      : holders_(holders), limiter_(download_limiter), watchdog_(watchdog) {}

  struct Book {
    size_t index = 0;  // in Job::contents
    const std::string& bytes;
    std::optional<FileAttributes> attributes{};  // of the holder's file
  };
  struct Job {
    std::string address;
    absl::Span<const ContentId> contents;  // 1 to kMaxItems, each of at most kMaxSmallBookBytes
    // Empty, or for each content the listing whose file the holder should read; 0: any.
    absl::Span<const uint64_t> listings{};
    // Receives each book that came whole and verified, once. Returns false to end the fetch. Called
    // without locks.
    std::function<bool(const Book& book)> on_book;
    std::function<void(const QueuePlace& place)> on_queued;
    PublicKey key{};  // of the holder
  };
  // Returns OK when the stream came to its end, even if books are missing; otherwise why it ended
  // before. Errors: those of FileService.DownloadMany, kAnswerInvalid, kContentMismatch,
  // kStreamStalled, Cancelled (after Stop, or when on_book returned false).
  absl::Status Fetch(const Job& job);

  // Ends all fetches; later ones end at once.
  void Stop();

 private:
  // Returns why the fetch must end; OK when it goes on.
  absl::Status TakePart(const Job& job, PartAssembler& assembler,
                        v1::DownloadManyResponse::Part& part);
  bool Pace(uint64_t bytes, IdleWatchdog::Watch& watch);

  Holders* const holders_;
  RateLimiter* const limiter_;
  IdleWatchdog* const watchdog_;
  Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_SMALL_FETCHER_H_
