// The job of a fetch, and the objects that it works with.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_FETCH_JOB_H_
#define ARKSHARE_SERVICES_PEER_FETCH_FETCH_JOB_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/content_id.h"
#include "lib/core/file_attributes.h"
#include "lib/core/key.h"
#include "lib/core/rate_limiter.h"
#include "lib/core/ticket.h"
#include "lib/rpc/idle_watchdog.h"
#include "services/peer/fetch/holders.h"

namespace arkshare {

class PartialBook;

// The place of a stream in a holder's queue, as the holder reports it.
struct QueuePlace {
  int position = 0;  // how many streams are served before
  std::optional<absl::Duration> estimated_wait{};
};

QueuePlace QueuePlaceOf(const v1::DownloadResponse::Queued& queued);

// Shared by all fetches, and must outlive them.
struct FetchParts {
  Holders* holders;
  RateLimiter* limiter;  // of downloads
  IdleWatchdog* watchdog;
  const Clock* clock = Clock::Real();
};

// One book to fetch.
struct FetchJob {
  ContentId content;
  // Names the fetch for Fetcher::End.
  TransferId id{};
  // A file for reading and writing. Fetch keeps the pieces of the book that the file already holds,
  // from a fetch that was interrupted, and overwrites the rest.
  int fd = -1;
  // Returns the current holders of the book. Called at the start, when all known holders have
  // failed, and now and then in between.
  std::function<absl::StatusOr<std::vector<BookHolder>>()> find_holders;
  // When this holder says that the book has moved, Fetch asks no other holder: the listing of this
  // one cannot be taken.
  std::optional<PublicKey> source;
  // The listing of `source` whose file it should read; 0: any of this content.
  uint64_t source_listing = 0;
  // Where other peers read the pieces as they are verified; nullptr: nowhere. With it the first
  // piece is random, so that peers that begin together soon have different pieces to exchange.
  PartialBook* offer = nullptr;
  // Reports verified bytes, and the place in a holder's queue (nullopt: not queued). Called without
  // locks, on the thread that called Fetch.
  std::function<void(uint64_t bytes, std::optional<QueuePlace> place)> on_progress;
  // Reports each piece that is verified, before on_progress does, and the holder that sent it.
  // Called like on_progress. May be empty.
  std::function<void(const BookHolder& from, uint64_t bytes)> on_piece{};
  // When this holder has sent a part of the book, reports what it says of its file; nullopt when it
  // says nothing. Called like on_progress, at the end. May be empty.
  PublicKey attributes_of{};
  std::function<void(std::optional<FileAttributes>)> on_attributes{};
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_FETCH_JOB_H_
