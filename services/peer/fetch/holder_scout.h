// Finds the holders of a book for one fetch, and its manifest.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_HOLDER_SCOUT_H_
#define ARKSHARE_SERVICES_PEER_FETCH_HOLDER_SCOUT_H_

#include <absl/status/statusor.h>

#include <vector>

#include "services/peer/fetch/arrival_queue.h"
#include "services/peer/fetch/fetch_job.h"
#include "services/peer/fetch/holder_streams.h"
#include "services/peer/fetch/piece_writer.h"
#include "services/peer/fetch/swarm.h"

namespace arkshare {

// Asks for holders again and again until the fetch ends, begins to read from those that are new
// and prove their keys, and gives up when all of them fail. Believes the first manifest that has
// the right root. Not thread-safe.
class HolderScout {
 public:
  // All must outlive it. The scout uses `writer` until it opens `queue`.
  HolderScout(const FetchParts& parts, const FetchJob& job, Swarm* swarm, ArrivalQueue* queue,
              PieceWriter* writer, HolderStreams* streams);

  // Returns when the fetch has ended.
  void Run();

 private:
  bool LookAround();
  void ReadFrom(std::vector<BookHolder> holders);
  absl::Status LearnManifest(const BookHolder& holder, absl::Duration patience);
  absl::StatusOr<std::vector<Sha256Digest>> GetManifest(const BookHolder& holder,
                                                        absl::Duration patience);

  const FetchParts parts_;
  const FetchJob& job_;
  Swarm* const swarm_;
  ArrivalQueue* const queue_;
  PieceWriter* const writer_;
  HolderStreams* const streams_;
  bool has_manifest_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_HOLDER_SCOUT_H_
