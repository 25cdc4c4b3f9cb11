// The streams of a fetch: read the pieces of a book from its holders.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_HOLDER_STREAMS_H_
#define ARKSHARE_SERVICES_PEER_FETCH_HOLDER_STREAMS_H_

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/rpc/idle_watchdog.h"
#include "services/peer/fetch/arrival_queue.h"
#include "services/peer/fetch/fetch_job.h"
#include "services/peer/fetch/piece_plan.h"
#include "services/peer/fetch/swarm.h"

namespace arkshare {

// Each holder has two streams with a thread each: a stream reads one run of pieces after another,
// hashes the pieces that come whole, and hands them over. A holder of a part has a third thread,
// which follows the news of its pieces. A book of one piece needs no thread: Add reads it.
//
// One thread at a time calls Add and Join.
class HolderStreams {
 public:
  // Takes an arrival, for which room is reserved in the queue. Called by the threads of the
  // streams.
  using HandOver = std::function<void(Arrival arrival)>;

  // All must outlive it.
  HolderStreams(const FetchParts& parts, const FetchJob& job, Swarm* swarm, ArrivalQueue* queue,
                HandOver hand_over);

  // Makes the holder a member of the swarm and reads from it until it fails or the fetch ends.
  // `others_wait`: a book of one piece can be asked of another holder when this one keeps the
  // stream in its queue for long.
  void Add(const BookHolder& holder, bool others_wait);
  // Waits for all threads. Call when the fetch has ended, before this goes.
  void Join();

 private:
  struct Threads {
    Swarm::Member* member = nullptr;
    std::vector<std::thread> threads{};
  };
  // One run on its way.
  struct Run {
    Swarm::Member& member;
    const PiecePlan::StreamId stream;
    uint64_t at;                                      // the next byte, in the book
    const uint64_t end;                               // in the book
    const uint64_t limit;                             // of downloads, when it began; bytes a second
    absl::Time queue_until = absl::InfiniteFuture();  // then another holder is asked
    bool queued = false;  // the holder last reported a place in its queue
    bool has_header = false;
    bool wanted = true;      // by the rest of the fetch
    absl::Status failure{};  // the holder's fault
  };

  void JoinFailed();
  // The body of a stream's thread.
  void ReadRuns(Swarm::Member& member, PiecePlan::StreamId stream, absl::Duration queue_patience);
  absl::Status ReadRun(Swarm::Member& member, PiecePlan::StreamId stream, PiecePlan::Range range,
                       absl::Duration queue_patience);
  void ReadMessage(Run& run, v1::DownloadResponse& message, IdleWatchdog::Watch& watch);
  void ReadQueued(Run& run, const v1::DownloadResponse::Queued& queued, IdleWatchdog::Watch& watch);
  void ReadHeader(Run& run, const v1::DownloadResponse::Header& header, IdleWatchdog::Watch& watch);
  void ReadChunk(Run& run, v1::DownloadResponse::Chunk& chunk, IdleWatchdog::Watch& watch);
  // False when the rest of the run is not wanted.
  bool Deliver(Swarm::Member& member, Arrival arrival, IdleWatchdog::Watch& watch);
  bool Pace(uint64_t bytes, IdleWatchdog::Watch& watch);
  v1::DownloadRequest RequestFor(const Run& run) const;
  std::optional<Sha256Digest> HashIfPiece(uint64_t offset, const std::string& data) const;
  // The body of the thread that follows the news of a holder of a part.
  void FollowNews(Swarm::Member& member);

  const FetchParts parts_;
  const FetchJob& job_;
  const uint64_t size_;
  const uint64_t piece_length_;
  Swarm* const swarm_;
  ArrivalQueue* const queue_;
  const HandOver hand_over_;

  PiecePlan::StreamId last_stream_ = 0;
  std::list<Threads> running_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_HOLDER_STREAMS_H_
