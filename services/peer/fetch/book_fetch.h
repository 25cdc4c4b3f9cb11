// One book on its way here; for Fetcher only.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_BOOK_FETCH_H_
#define ARKSHARE_SERVICES_PEER_FETCH_BOOK_FETCH_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <vector>

#include "services/peer/fetch/arrival_queue.h"
#include "services/peer/fetch/fetch_job.h"
#include "services/peer/fetch/holder_scout.h"
#include "services/peer/fetch/holder_streams.h"
#include "services/peer/fetch/piece_writer.h"
#include "services/peer/fetch/swarm.h"

namespace arkshare {

//   HolderScout    one thread: finds holders, and the manifest
//   HolderStreams  a thread each: read runs of pieces and hash pieces that come whole
//   ArrivalQueue   holds a few MiB between the streams and the writer
//   PieceWriter    the caller's thread: verifies and writes
//   Swarm          what the threads share, under one lock
//
// A book of one piece needs no other thread: the caller's does everything, one holder after the
// other.
class BookFetch {
 public:
  // `parts` and `job` must outlive it. The book is not empty.
  BookFetch(const FetchParts& parts, const FetchJob& job);

  // See Fetcher::Fetch. Call once.
  absl::StatusOr<std::vector<Sha256Digest>> Run();
  const TransferId& id() const { return job_.id; }
  // Makes Run end with Cancelled. Thread-safe.
  void Stop();

 private:
  void TakeArrivals();
  void TakeArrival(Arrival arrival);
  void CountPiece(PiecePlan::HolderId holder, uint64_t piece, PieceWriter::Verdict verdict);

  const FetchJob& job_;
  Holders* const holders_;
  const bool one_piece_;
  ArrivalQueue queue_;
  Swarm swarm_;
  PieceWriter writer_;
  HolderStreams streams_;
  HolderScout scout_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_BOOK_FETCH_H_
