// The sessions of an index that has replicas: they are in a log that all replicas share.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_REPLICATED_SESSIONS_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_REPLICATED_SESSIONS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/index/catalog/catalog.h"
#include "services/index/replica/roster.h"
#include "services/index/replica/seat.h"
#include "services/index/sessions/after_unlock.h"
#include "services/index/sessions/reached_peers.h"
#include "services/index/sessions/session_table.h"
#include "services/index/sessions/sessions.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Decides on what the roster has folded, writes, and answers when the write was folded here: it
// applies nothing by itself. A write is guarded by the epoch of its session or by its claim, so it
// is not made when another replica was faster.
//
// While the log cannot be reached, peers stay listed and nothing changes: see CutOff.
//
// Thread-safe. Order of locks: mutex_ is held in no call of the log, the roster, or the catalog,
// but of Roster's short look-ups.
class ReplicatedSessions : public Sessions, private Roster::Listener {
 public:
  struct Options {
    absl::Duration lease = absl::Seconds(10);
    // Names this machine, or the network namespace on it; see SessionRecord.loopback_scope.
    std::string scope;
    // The port of this index's relay; 0: it has none.
    uint32_t relay_port = 0;
  };

  // `catalog` must be `shared`. All must outlive it.
  ReplicatedSessions(Options options, const Clock* clock, Catalog* catalog, SharedLog* log);

  // To be folded by the log, until its Stop.
  Roster* roster() { return &roster_; }

  absl::Duration lease() const override { return lease_; }
  bool replicated() const override { return true; }
  std::string boot_id() const override { return log_->birth(); }
  uint64_t revision() const override { return static_cast<uint64_t>(log_->applied()); }
  absl::Duration behind() const override { return log_->behind(); }
  std::optional<LogMetrics> log_metrics() const override { return log_->metrics(); }
  void AwaitRevision(uint64_t revision, std::function<void(absl::Status)> done) override;
  void AwaitLatest(std::function<void(absl::Status)> done) override;
  uint64_t lapsed_count() const override { return lapsed_count_; }

  void BeginRegistration(Done<uint64_t> done) override;
  std::optional<ReachedPeer> FindRival(const PublicKey& key, const std::string& address) override;
  void Register(Registration registration, Done<Registered> done) override;
  void OpenStream(const std::string& token, const std::string& host, EndStream end_stream,
                  TellReached tell, Done<StreamStart> done) override;
  void HoldLease(const std::string& token, uint64_t stream_id) override;
  void ReleaseLease(const std::string& token, uint64_t stream_id) override;
  bool has_room() const override { return log_->queued_bytes() <= kLogQueueBytes; }
  void AwaitRoom(std::function<void()> go) override { log_->AwaitRoom(std::move(go)); }
  void Apply(const std::string& token, uint64_t stream_id, Announcement announcement,
             Done<Applied> done) override;
  void CloseStream(const std::string& token, uint64_t stream_id,
                   std::function<void()> done) override;
  void KeyOf(const std::string& token, Done<PublicKey> done) override;
  void UpdateOwner(const std::string& token, absl::Span<const OwnerChange> changes,
                   Done<Recorded> done) override;
  void Unregister(const std::string& token, std::function<void(absl::Status)> done) override;
  void EndOf(const PublicKey& key, const absl::Status& why) override;
  std::optional<ReachedPeer> BeginReachCheck() override;
  void EndReachCheck(const ReachedPeer& checked, bool answered) override;
  // Also notices that the log was lost or found.
  absl::Duration Expire() override;

  // Returns the relay of the replica that has the stream of a peer, if that is another one and has
  // a relay.
  std::optional<replica::ReplicaRecord> RelayOf(const PublicKey& key) const;

  // From now on, streams that end leave their peers listed: this process stops, and the peers go on
  // at another replica while their claims are still there.
  void PrepareToStop() { stopping_ = true; }

 private:
  struct Attempt;    // to register
  struct Recording;  // of moves

  // Roster::Listener
  void Ended(const PublicKey& key, int64_t epoch, const absl::Status& why) override;
  void Claimed(const PublicKey& key, int64_t epoch, const replica::ClaimRecord& claim) override;
  void Lost() override;

  // Finds the session of the token, and asks the log before it says that there is none.
  void Look(const std::string& token, Done<SharedSession> done);
  // If the session's lease has lapsed, ends it, calls `next` then, and returns true.
  bool EndLapsed(const SeatPtr& seat, Seat::Waiting next);
  // Ends a session that has its claim here.
  void EndSeat(const SeatPtr& seat, bool lapsed, Seat::Waiting next);
  void WriteEnd(const SharedSession& session, bool guard_claim, SharedLog::Done done);

  void TryRegister(std::shared_ptr<Attempt> attempt);
  void Write(const std::shared_ptr<Attempt>& attempt, const std::optional<SharedSession>& older,
             std::optional<uint32_t> former_number);
  void Registering(const std::shared_ptr<Attempt>& attempt,
                   const absl::StatusOr<SharedLog::Outcome>& outcome);

  // Writes the claim if it is to be written and no write is under way.
  void Pump(const SeatPtr& seat);
  void ClaimWritten(const SeatPtr& seat, bool take, const std::string& value,
                    const std::vector<Seat::Waiting>& waiting,
                    const absl::StatusOr<SharedLog::Outcome>& outcome);
  void Open(const SharedSession& session, const std::string& token, EndStream end_stream,
            TellReached tell, Done<StreamStart> done);
  SeatPtr SitLocked(const SharedSession& session, const std::string& token)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LeaveLocked(const SeatPtr& seat, const absl::Status& why, AfterUnlock& after_unlock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Null unless the stream is the session's last, and its lease has not lapsed.
  SeatPtr FindStreamLocked(const std::string& token, uint64_t stream_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Commits a page, and holds the lease meanwhile.
  void WritePage(const SeatPtr& seat, uint64_t stream_id, replica::PageRecord page,
                 std::function<void(absl::StatusOr<int64_t>)> done);
  template <typename Result>
  void WhyNotHere(const std::string& token, Done<Result> done);
  void RecordSome(std::shared_ptr<Recording> recording);
  // Notices that the log was lost or found.
  void SeeState();
  // Writes a session to the new log, after the old one was lost: it begins again there. `done` gets
  // it when it has, by this replica or another one.
  void PutBack(const SharedSession& session, Done<SharedSession> done);

  const absl::Duration lease_;
  const std::string scope_;
  const Clock* const clock_;
  Catalog* const catalog_;
  SharedLog* const log_;
  Roster roster_;
  Mutex mutex_;
  SessionTable table_ ABSL_GUARDED_BY(mutex_);    // of seats
  ReachedPeers reached_ ABSL_GUARDED_BY(mutex_);  // of the proven ones
  uint64_t next_stream_ ABSL_GUARDED_BY(mutex_) = 1;
  bool was_cut_off_ ABSL_GUARDED_BY(mutex_) = false;
  // The sessions that were here when the log was lost.
  std::vector<std::pair<SharedSession, std::string>> put_back_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> next_page_ = 1;
  std::atomic<uint64_t> lapsed_count_ = 0;
  std::atomic<bool> stopping_ = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_REPLICATED_SESSIONS_H_
