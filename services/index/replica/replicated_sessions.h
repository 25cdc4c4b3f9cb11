// The sessions of an index that has replicas: they are in a log that all replicas share.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_REPLICATED_SESSIONS_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_REPLICATED_SESSIONS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "lib/core/clock.h"
#include "services/index/catalog/catalog.h"
#include "services/index/replica/lost_sessions.h"
#include "services/index/replica/move_recorder.h"
#include "services/index/replica/registrar.h"
#include "services/index/replica/roster.h"
#include "services/index/replica/seats.h"
#include "services/index/replica/session_finder.h"
#include "services/index/replica/statement_writer.h"
#include "services/index/sessions/sessions.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Everything that changes is decided on what the roster has folded, written, and answered when the
// write was folded here: nothing is applied by itself. A write is guarded by the epoch of its
// session or by its claim, so it is not made when another replica was faster.
//
// While the log cannot be reached, peers stay listed and nothing changes: see Seats::SetCutOff.
//
// The parts: Roster is the fold, Seats has the sessions of this replica and their streams,
// Registrar begins sessions, StatementWriter and MoveRecorder write what is stated, and
// LostSessions brings sessions to another log.
//
// Thread-safe, without a lock.
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
  uint64_t lapsed_count() const override { return seats_.lapsed_count(); }

  void BeginRegistration(Done<uint64_t> done) override;
  std::optional<ReachedPeer> FindRival(const PublicKey& key, const std::string& address) override;
  void Register(Registration registration, Done<Registered> done) override {
    registrar_.Register(std::move(registration), std::move(done));
  }
  void OpenStream(const std::string& token, const std::string& host, EndStream end_stream,
                  TellReached tell, Done<StreamStart> done) override;
  void HoldLease(const std::string& token, uint64_t stream_id) override {
    seats_.HoldLease(token, stream_id);
  }
  void ReleaseLease(const std::string& token, uint64_t stream_id) override {
    seats_.ReleaseLease(token, stream_id);
  }
  bool has_room() const override { return log_->queued_bytes() <= kLogQueueBytes; }
  void AwaitRoom(std::function<void()> go) override { log_->AwaitRoom(std::move(go)); }
  void Apply(const std::string& token, uint64_t stream_id, Announcement announcement,
             Done<Applied> done) override {
    statements_.Apply(token, stream_id, std::move(announcement), std::move(done));
  }
  void CloseStream(const std::string& token, uint64_t stream_id,
                   std::function<void()> done) override;
  void KeyOf(const std::string& token, Done<PublicKey> done) override;
  void UpdateOwner(const std::string& token, absl::Span<const OwnerChange> changes,
                   Done<Recorded> done) override {
    moves_.UpdateOwner(token, changes, std::move(done));
  }
  void Unregister(const std::string& token, std::function<void(absl::Status)> done) override;
  void EndOf(const PublicKey& key, const absl::Status& why) override;
  std::optional<ReachedPeer> BeginReachCheck() override { return seats_.BeginReachCheck(); }
  void EndReachCheck(const ReachedPeer& checked, bool answered) override {
    seats_.EndReachCheck(checked, answered);
  }
  // Also notices that the log was lost or found.
  absl::Duration Expire() override;

  // Returns the relay of the replica that has the stream of a peer, if that is another one and has
  // a relay.
  std::optional<replica::ReplicaRecord> RelayOf(const PublicKey& key) const;

  // From now on, streams that end leave their peers listed: this process stops, and the peers go on
  // at another replica while their claims are still there.
  void PrepareToStop() { stopping_ = true; }

 private:
  // Roster::Listener
  void Ended(const PublicKey& key, int64_t epoch, const absl::Status& why) override;
  void Claimed(const PublicKey& key, int64_t epoch, const replica::ClaimRecord& claim) override;
  void Lost() override;

  void WriteEnd(const SharedSession& session, SharedLog::Done done);
  void Open(const SharedSession& session, const std::string& token, EndStream end_stream,
            TellReached tell, Done<StreamStart> done);

  const absl::Duration lease_;
  SharedLog* const log_;
  std::atomic<uint64_t> next_page_ = 1;
  std::atomic<bool> stopping_ = false;
  Roster roster_;
  Seats seats_;
  SessionFinder finder_;
  LostSessions lost_;
  Registrar registrar_;
  StatementWriter statements_;
  MoveRecorder moves_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_REPLICATED_SESSIONS_H_
