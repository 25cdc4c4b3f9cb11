// The sessions whose claims this replica has, and their claims in the log.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_SEATS_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_SEATS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "services/index/catalog/catalog.h"
#include "services/index/replica/roster.h"
#include "services/index/replica/seat.h"
#include "services/index/replica/seat_table.h"
#include "services/index/replica/sent_statements.h"
#include "services/index/sessions/announced_shelf.h"
#include "services/index/sessions/reached_peers.h"
#include "services/index/sessions/sessions.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// The lock around SeatTable. Writes the claims that that wants written, and ends the sessions whose
// leases have lapsed. Thread-safe: mutex_ is held in no call of the log, the roster or the catalog.
class Seats {
 public:
  using Waiting = Seat::Waiting;

  // All must outlive the last answer of the log.
  Seats(absl::Duration lease, const Clock* clock, Catalog* catalog, const Roster* roster,
        SharedLog* log)
      : lease_(lease), clock_(clock), roster_(*roster), log_(log), table_(lease, catalog) {}

  // The session has its claim here.
  void Sit(const SharedSession& session, const std::string& token);
  // When the session is here and its lease has lapsed, ends it, calls `next` then, and returns
  // true.
  bool EndIfOver(const std::string& token, Waiting next);
  bool EndIfOver(const PublicKey& key, Waiting next);
  // When the session ends, its stream ends with this.
  void SetEndStatus(const SharedSession& session, const absl::Status& why);

  // --- From the roster, see Roster::Listener.

  void Ended(const PublicKey& key, int64_t epoch, const absl::Status& why);
  void Claimed(const PublicKey& key, int64_t epoch, const replica::ClaimRecord& claim);
  // The log is lost: all leave. Returns them.
  std::vector<SeatPtr> LeaveAll(AfterUnlock& after_unlock);

  // --- Time.

  // The log can be reached or not. Writes the claims that could not be written.
  void SetCutOff(bool cut_off);
  // The same as Sessions::Expire.
  absl::Duration Expire();
  // Returns how many sessions have ended here because their peers were silent.
  uint64_t lapsed_count() const { return lapsed_count_; }
  // The same as the methods of Sessions.
  std::optional<ReachedPeer> BeginReachCheck();
  void EndReachCheck(const ReachedPeer& checked, bool answered);

  // --- Streams.

  struct Stream {
    SeatPtr seat;
    uint64_t id = 0;
  };
  // Takes the claim for a new stream. `done` gets it when the claim was folded: the roster has then
  // folded all earlier pages, too. While the replica is cut off, the claim waits here and `done` is
  // called at once: the peer is listed, and goes nowhere else.
  void OpenStream(const SharedSession& session, const std::string& token,
                  Sessions::EndStream end_stream, Sessions::TellReached tell,
                  Sessions::Done<Stream> done);
  // Returns the number of statements that the stream's peer is told; `now` is its session in the
  // roster. Returns nullopt when the stream has ended meanwhile.
  std::optional<uint64_t> BeginStatements(const Stream& stream,
                                          const std::optional<SharedSession>& now);
  // The same as the methods of Sessions.
  void CloseStream(const std::string& token, uint64_t stream_id, std::function<void()> done);
  void HoldLease(const std::string& token, uint64_t stream_id);
  void ReleaseLease(const std::string& token, uint64_t stream_id);

  struct Heard {
    SeatPtr seat;  // null: the stream is not the session's last
    absl::StatusOr<SentStatements::Next> next = SentStatements::Next{};
    bool waits = false;
  };
  // Takes from a message what it says besides its statements, and decides what is to be done with
  // these. When the log must be reached for that and cannot be, the message `waits`: `again` is
  // called when it is to be heard again.
  Heard Hear(const std::string& token, uint64_t stream_id, const Announcement& announcement,
             std::function<void()> again);
  // See SentStatements::Send.
  uint64_t Send(const SeatPtr& seat, size_t count, bool complete);

 private:
  // Writes the claim if it is to be written and no write is under way.
  void Pump(const SeatPtr& seat);
  void ClaimWritten(const SeatPtr& seat, const SeatClaim::Write& write,
                    const absl::StatusOr<SharedLog::Outcome>& outcome);
  // Returns `seat` if it is over.
  SeatPtr IfOverLocked(const SeatPtr& seat) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends a session whose lease has lapsed.
  void End(const SeatPtr& seat, Waiting next);
  void EndWritten(const SeatPtr& seat, const absl::StatusOr<SharedLog::Outcome>& outcome);

  const absl::Duration lease_;
  const Clock* const clock_;
  const Roster& roster_;
  SharedLog* const log_;
  Mutex mutex_;
  SeatTable table_ ABSL_GUARDED_BY(mutex_);  // and what its seats have
  std::atomic<uint64_t> lapsed_count_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_SEATS_H_
