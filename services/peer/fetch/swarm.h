// The holders that one fetch reads from, what each of them is asked for, and how the fetch ends.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_SWARM_H_
#define ARKSHARE_SERVICES_PEER_FETCH_SWARM_H_

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <google/protobuf/repeated_field.h>
#include <grpcpp/client_context.h>

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/fetch/arrival_queue.h"
#include "services/peer/fetch/fetch_job.h"
#include "services/peer/fetch/piece_plan.h"

namespace arkshare {

// Returns "peer 5 at 192.0.2.7:7070", for messages.
std::string DescribeHolder(const BookHolder& holder);

// The threads of one fetch share PiecePlan and the state of the holders here, under one lock. Does
// no I/O but logging. Calls ArrivalQueue with its lock held. Thread-safe.
class Swarm {
 public:
  // A holder that the fetch reads from. One that failed and is added again is another member.
  class Member {
   public:
    Member(BookHolder h, PiecePlan::HolderId number, int stream_count)
        : holder(std::move(h)), id(number), streams_(stream_count) {}

    const BookHolder holder;
    const PiecePlan::HolderId id;

   private:
    friend class Swarm;
    // Guarded by the lock of the Swarm.
    int streams_;          // that have not ended
    bool failed_ = false;  // its streams should end
    std::set<grpc::ClientContext*> calls_{};
    CondVar idle_{};  // its streams without a run wait here: for plan_, failed_, end_
  };

  // All must outlive it. `queue` is closed when the fetch ends.
  Swarm(const FetchJob& job, ArrivalQueue* queue, const Clock* clock);

  // --- The end ---
  // Ends the fetch with this status, unless it has ended. Cancels all calls, except that a book of
  // one piece that is whole lets its call end by itself.
  void End(const absl::Status& status);
  // Ends it with the last failure of a holder, or with `fallback` when no holder has failed.
  void EndWithLastFailure(const absl::Status& fallback);
  bool ended() const { return end().has_value(); }
  std::optional<absl::Status> end() const;

  // --- Calls that End and failures cancel ---
  // Registers a call that begins; `member` is nullptr for a call to a holder that is no member.
  // False: the call should not begin.
  bool BeginCall(Member* member, grpc::ClientContext* context);
  void EndCall(Member* member, grpc::ClientContext* context);

  // --- The scout ---
  // Returns the holders in `found` that are neither members nor known to lie, as many as are
  // missing to `most` members.
  std::vector<BookHolder> SelectNew(std::vector<BookHolder> found, size_t most) const;
  // Adds a member with this many streams. The result is valid as long as the swarm.
  Member* Add(const BookHolder& holder, int streams);
  // Whether this holder is a member that has not failed.
  bool IsMember(const BookHolder& holder) const;
  // Whether a member has streams that have not ended.
  bool HasMembers() const;
  // Like Fail, also for a holder that is not a member.
  void FailHolder(const BookHolder& holder, const absl::Status& why);
  // Waits until HasMembers is false, or for `most`. Returns false when the fetch has ended or still
  // has members.
  bool AwaitNoMembers(absl::Duration most);
  // Returns false when the fetch has ended meanwhile.
  bool Sleep(absl::Duration time);
  // Returns how long a busy holder asked to wait, and forgets it; zero when none asked.
  absl::Duration TakeRetryAfter();

  // --- Streams ---
  // Waits for the next run of a stream; nullopt when the stream should end. `watch` limits the wait
  // while nothing is on its way from any holder.
  std::optional<PiecePlan::Range> AwaitRun(Member& member, PiecePlan::StreamId stream,
                                           IdleWatchdog::Watch& watch);
  // The holder begins to send now: the time before, in its queue, does not count for its rate.
  void StartTiming(PiecePlan::StreamId stream);
  // Keeps what the holder FetchJob::attributes_of says of its file.
  void NoteAttributes(const Member& member, const v1::DownloadResponse::Header& header);
  // nullopt: that holder has sent no header.
  std::optional<std::optional<FileAttributes>> attributes() const;
  // The stream has received [begin, end) of the book. Returns false when it should stop.
  bool Received(Member& member, PiecePlan::StreamId stream, uint64_t begin, uint64_t end);
  // Whether the stream should go on with its run at `offset`.
  bool Wanted(PiecePlan::StreamId stream, uint64_t offset) const;
  struct RunStats {
    uint64_t bytes = 0;
    absl::Duration time{};
  };
  // The run has ended, well or not; with an error the member fails.
  RunStats EndRun(Member& member, PiecePlan::StreamId stream, PiecePlan::Range run,
                  const absl::Status& status);
  void EndStream(Member& member);
  // Whether it has failed and all its streams have ended.
  bool HasLeft(const Member& member) const;
  // Counts the streams of all members that have not ended.
  size_t stream_count() const;
  // A member that has a part of the book has these pieces too, or all of it. Returns how many of
  // `pieces` are pieces of the book that the member did not have before.
  int AddPieces(Member& member, const google::protobuf::RepeatedField<uint32_t>& pieces,
                bool whole);
  // Ends the calls and the streams of a member.
  void Fail(Member& member, const absl::Status& why);

  // --- Pieces ---
  // Ends the fetch when it was the last one.
  void Verified(uint64_t piece);
  void Rejected(uint64_t piece);  // to be fetched again
  uint64_t verified_count() const;
  // The member of an arrival.
  Member& member(PiecePlan::HolderId id);

 private:
  struct Reading {
    PiecePlan::HolderId holder = 0;
    absl::Time begin{};
    uint64_t bytes = 0;
  };

  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailLocked(Member& member, const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteFailure(const BookHolder& holder, const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UpdateRates() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasMembersLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t BytesOf(PiecePlan::Range run) const;

  const FetchJob& job_;
  const uint64_t size_;
  const uint64_t piece_length_;
  const uint64_t piece_count_;
  ArrivalQueue* const queue_;
  const Clock* const clock_;

  mutable Mutex mutex_;
  CondVar changed_;  // the scout waits: for members_, end_
  PiecePlan plan_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);  // set once: how it ended
  std::deque<Member> members_ ABSL_GUARDED_BY(mutex_);       // also those that have failed
  std::map<PiecePlan::StreamId, Reading> readings_ ABSL_GUARDED_BY(mutex_);
  std::set<PublicKey> liars_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::optional<FileAttributes>> attributes_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_failure_ ABSL_GUARDED_BY(mutex_);
  absl::Duration retry_after_ ABSL_GUARDED_BY(mutex_);  // what a busy holder asked for
  std::set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_SWARM_H_
