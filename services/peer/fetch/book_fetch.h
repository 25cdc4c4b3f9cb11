// One book on its way here; for Fetcher only.
//
//   scout    one thread: who has the book, now and later; believes a manifest whose root is right
//   streams  a thread each: reads a run of pieces from its holder, one run after the other, and
//            hashes those that come whole
//   Run      the caller's thread: hashes what comes in parts, writes, and says what counts
//
// What arrives waits in a queue of a few MiB: when the disk is slower than the network,
// the streams stop reading, and HTTP/2's flow control holds the holders back.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_BOOK_FETCH_H_
#define ARKSHARE_SERVICES_PEER_FETCH_BOOK_FETCH_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>
#include <grpcpp/client_context.h>

#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/merkle.h"
#include "lib/core/mutex.h"
#include "services/peer/fetch/fetcher.h"
#include "services/peer/fetch/piece_plan.h"

namespace arkshare {

class BookFetch {
 public:
  // `parts` and `job` must outlive it. The book is not empty.
  BookFetch(const Fetcher::Parts& parts, const Fetcher::Job& job);

  // See Fetcher::Fetch. Call once.
  absl::StatusOr<std::vector<Sha256Digest>> Run();
  // Makes Run end with Cancelled. Thread-safe.
  void Stop();

 private:
  // A holder that is being read from.
  struct Source {
    Source(BookHolder h, int stream_count) : holder(std::move(h)), streams(stream_count) {}

    const BookHolder holder;
    PiecePlan::HolderId id = 0;
    int streams;          // that have not ended
    bool failed = false;  // they should end
    bool lied = false;    // by a bad piece: what else of it waits is not looked at
    double rate = 0;      // of its last runs, bytes a second
    std::set<grpc::ClientContext*> calls{};
    std::vector<std::thread> threads{};
    CondVar idle{};  // its streams that have no run wait: for plan_, failed, end_
  };
  // A run being read.
  struct Reading {
    Source* source = nullptr;
    absl::Time begin{};
    uint64_t bytes = 0;
  };
  // What a stream hands over: a part of the book, or only where it stands in a queue.
  struct Arrival {
    PiecePlan::StreamId stream = 0;
    Source* source = nullptr;
    uint64_t offset = 0;  // of data, in the book
    std::string data{};   // empty: only news of the queue
    std::optional<QueuePlace> place{};
    std::optional<Sha256Digest> piece_hash{};  // when data is just one piece
  };
  // A piece that comes in several parts.
  struct Assembly {
    uint64_t piece = 0;
    uint64_t bytes = 0;
    PieceHasher hasher;
    bool contested = false;  // another stream wrote parts of it too
  };

  // A book of one piece is not worth a thread: the caller's does everything, one holder after the
  // other.
  bool alone() const { return piece_count_ == 1; }

  // --- The caller's thread ---
  void TakeArrivals();
  absl::Status Accept(const Arrival& arrival);
  absl::Status AcceptPart(const Arrival& arrival, uint64_t piece, uint64_t in_piece,
                          absl::Span<const uint8_t> data);
  void Judge(const Arrival& arrival, uint64_t piece, bool good);
  bool IsGoodOnDisk(uint64_t piece) const;
  absl::Status Write(uint64_t offset, absl::Span<const uint8_t> data) const;

  // --- The scout: services/peer/fetch/book_fetch_scout.cc ---
  void Scout();
  bool LookAround();
  absl::Status FetchManifest(const BookHolder& holder);
  void KeepWhatIsThere();
  bool NothingIsThere() const;
  bool LearnManifest(const BookHolder& holder);
  void AddSource(const BookHolder& holder);
  void JoinFailed();

  // --- The streams ---
  void ReadRuns(Source& source, PiecePlan::StreamId stream);
  std::optional<PiecePlan::Range> AwaitRun(Source& source, PiecePlan::StreamId stream);
  absl::Status ReadRun(Source& source, PiecePlan::StreamId stream, PiecePlan::Range run);
  std::optional<Sha256Digest> HashIfPiece(uint64_t offset, const std::string& data) const;
  bool HandOver(Arrival arrival, IdleWatchdog::Watch& watch);
  bool Pace(uint64_t bytes, IdleWatchdog::Watch& watch);
  uint32_t BiteBytes(uint64_t limit);
  std::string SpareBuffer();

  // services/peer/fetch/book_fetch_news.cc
  void FollowNews(Source& source);

  static std::string Who(const BookHolder& holder);
  static absl::Time Now();
  bool Enter(Source* source, grpc::ClientContext* context);
  void Leave(Source* source, grpc::ClientContext* context);
  void Fail(Source& source, const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteFailure(const BookHolder& holder, const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndWith(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UpdateRates() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t BytesOf(PiecePlan::Range run) const;
  bool HasSources() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Fetcher::Parts parts_;
  const Fetcher::Job& job_;
  const uint64_t size_;
  const uint64_t piece_length_;
  const uint64_t piece_count_;

  // Of the scout until has_manifest_.
  std::vector<Sha256Digest> pieces_;  // then constant
  uint64_t verified_bytes_ = 0;       // then of the caller's thread
  // Of the caller's thread.
  std::map<PiecePlan::StreamId, Assembly> assemblies_;

  Mutex mutex_;
  CondVar arrived_;  // the caller waits: for arrivals_, has_manifest_, end_
  CondVar room_;     // streams wait: for room in arrivals_
  CondVar news_;     // the scout waits: for sources_, end_
  bool has_manifest_ ABSL_GUARDED_BY(mutex_) = false;
  PiecePlan plan_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);  // set once: how it ended
  std::list<Source> sources_ ABSL_GUARDED_BY(mutex_);        // also those that have failed
  std::map<PiecePlan::StreamId, Reading> readings_ ABSL_GUARDED_BY(mutex_);
  std::deque<Arrival> arrivals_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;        // of arrivals_, and of the one in work
  std::vector<std::string> spare_ ABSL_GUARDED_BY(mutex_);  // buffers to be used again
  std::set<PublicKey> liars_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_failure_ ABSL_GUARDED_BY(mutex_);
  absl::Duration retry_after_ ABSL_GUARDED_BY(mutex_);  // what a busy holder asked for
  std::set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);
  int last_stream_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_BOOK_FETCH_H_
