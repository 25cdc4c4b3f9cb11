#include "services/index/replica/replicated_sessions.h"

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "services/index/sessions/kept_sessions.h"
#include "services/index/sessions/session_rules.h"

namespace arkshare {
namespace {

// How long a call waits for a revision; after that, another replica may be faster.
constexpr absl::Duration kMostWait = absl::Seconds(1);

absl::Status GoElsewhere() {
  return MakeError(
      Reason::kShuttingDown,
      "this index has lost what it shares with its replicas: call another one, or this "
      "one again");
}

}  // namespace

ReplicatedSessions::ReplicatedSessions(Options options, const Clock* clock, Catalog* catalog,
                                       SharedLog* log)
    : lease_(options.lease),
      scope_(options.scope),
      clock_(clock),
      catalog_(catalog),
      log_(log),
      roster_(catalog, {scope_, options.relay_port}, this),
      table_(lease_) {}

void ReplicatedSessions::AwaitRevision(uint64_t revision, std::function<void(absl::Status)> done) {
  log_->Await(static_cast<int64_t>(revision), kMostWait,
              [done](const absl::StatusOr<int64_t>& reached) { done(reached.status()); });
}

void ReplicatedSessions::AwaitLatest(std::function<void(absl::Status)> done) {
  log_->Mark([done](const absl::StatusOr<int64_t>& reached) { done(reached.status()); });
}

// --- finding

void ReplicatedSessions::Look(const std::string& token, Done<SharedSession> done) {
  SeatPtr seat;
  {
    MutexLock lock(&mutex_);
    seat = std::static_pointer_cast<Seat>(table_.FindByToken(token));
  }
  const auto again = [this, token, done](const absl::Status& ended) {
    if (!ended.ok()) return done(ended);
    Look(token, done);
  };
  if (seat != nullptr && EndLapsed(seat, again)) return;
  const Sha256Digest hash = HashOfToken(token);
  absl::StatusOr<SharedSession> here = roster_.FindToken(hash);
  if (here.ok() || GetReason(here.status()) == Reason::kSessionSuperseded) {
    return done(std::move(here));
  }
  // The peer may have registered at another replica a moment ago.
  log_->Mark([this, hash, done](const absl::StatusOr<int64_t>& reached) {
    if (!reached.ok()) return done(reached.status());
    done(roster_.FindToken(hash));
  });
}

void ReplicatedSessions::KeyOf(const std::string& token, Done<PublicKey> done) {
  Look(token, [done](const absl::StatusOr<SharedSession>& found) {
    if (!found.ok()) return done(found.status());
    done(found->key);
  });
}

std::optional<ReachedPeer> ReplicatedSessions::FindRival(const PublicKey& key,
                                                         const std::string& address) {
  const std::optional<SharedSession> session = roster_.Find(key);
  if (!session.has_value() || !session->record.proven()) return std::nullopt;
  // Through the relay, any two may be different.
  if (!address.empty() && session->record.address() == address) return std::nullopt;
  return ReachedPeer{key, session->record.address(), session->record.order()};
}

SeatPtr ReplicatedSessions::FindStreamLocked(const std::string& token, uint64_t stream_id) {
  const SeatPtr seat = std::static_pointer_cast<Seat>(table_.FindByToken(token));
  if (seat == nullptr || seat->stream_id != stream_id || !seat->end_stream || seat->ending) {
    return nullptr;
  }
  // While it is cut off, the replica ends no session.
  const bool lapsed = seat->deadline <= clock_->Monotonic() && seat->lease_holds == 0;
  return lapsed && !was_cut_off_ ? nullptr : seat;
}

std::optional<replica::ReplicaRecord> ReplicatedSessions::RelayOf(const PublicKey& key) const {
  auto at = roster_.ReplicaOf(key);
  if (!at.has_value() || at->first == log_->replica() || at->second.relay_address().empty()) {
    return std::nullopt;
  }
  return std::move(at->second);
}

// --- coming and going

SeatPtr ReplicatedSessions::SitLocked(const SharedSession& session, const std::string& token) {
  if (const PeerSessionPtr former = table_.FindByKey(session.key)) {
    const SeatPtr seat = std::static_pointer_cast<Seat>(former);
    if (seat->epoch == session.epoch) return seat;
    table_.Remove(seat);
    reached_.Remove(seat->key);
  }
  const SeatPtr seat = std::make_shared<Seat>(catalog_, session, token);
  const absl::Time now = clock_->Monotonic();
  table_.Add(seat, now);
  if (seat->proven) reached_.Add({seat->key, seat->address, seat->order}, now);
  return seat;
}

void ReplicatedSessions::LeaveLocked(const SeatPtr& seat, const absl::Status& why,
                                     AfterUnlock& after_unlock) {
  table_.Remove(seat);
  reached_.Remove(seat->key);
  if (seat->end_stream) {
    after_unlock.Do([end = std::move(seat->end_stream), why] { end(why); });
  }
  seat->end_stream = nullptr;
  seat->tell = nullptr;
  // Each of them finds out by itself what has become of the session.
  for (std::vector<Seat::Waiting>* waiting :
       {&seat->waiting, &seat->when_free, &seat->waiting_for_end}) {
    for (Seat::Waiting& next : *waiting) {
      after_unlock.Do([next = std::move(next)] { next(absl::OkStatus()); });
    }
    waiting->clear();
  }
  for (std::function<void()>& next : seat->deferred) after_unlock.Do(std::move(next));
  seat->deferred.clear();
}

bool ReplicatedSessions::EndLapsed(const SeatPtr& seat, Seat::Waiting next) {
  {
    MutexLock lock(&mutex_);
    const bool lapsed = seat->deadline <= clock_->Monotonic() && seat->lease_holds == 0;
    const bool here = table_.FindByKey(seat->key) == seat;
    if (!here || was_cut_off_ || (!lapsed && !seat->ending)) return false;
  }
  EndSeat(seat, /*lapsed=*/true, std::move(next));
  return true;
}

void ReplicatedSessions::EndSeat(const SeatPtr& seat, bool lapsed, Seat::Waiting next) {
  SharedSession session;
  {
    MutexLock lock(&mutex_);
    if (seat->busy && !seat->ending) {
      // The revision of the claim, which guards the end, is not known yet.
      seat->when_free.push_back([this, seat, lapsed, next = std::move(next)](const absl::Status&) {
        EndSeat(seat, lapsed, next);
      });
      return;
    }
    seat->waiting_for_end.push_back(std::move(next));
    if (std::exchange(seat->ending, true)) return;
    table_.Renew(*seat, clock_->Monotonic());
    session.key = seat->key;
    session.epoch = seat->epoch;
    session.claim_revision = seat->claim_revision;
    session.record.set_peer_id(seat->peer_id);
    session.record.set_proven(seat->proven);
  }
  WriteEnd(
      session, /*guard_claim=*/true,
      [this, seat, lapsed](const absl::StatusOr<SharedLog::Outcome>& outcome) {
        AfterUnlock after_unlock;
        MutexLock lock(&mutex_);
        seat->ending = false;
        if (outcome.ok() && outcome->made && lapsed) {
          ++lapsed_count_;
          after_unlock.Do([peer = seat->peer_id] { LogInfo("lease_lapsed", {{"peer", peer}}); });
        }
        const absl::Status status = outcome.ok() ? absl::OkStatus() : outcome.status();
        for (Seat::Waiting& waiting : std::exchange(seat->waiting_for_end, {})) {
          after_unlock.Do([waiting = std::move(waiting), status] { waiting(status); });
        }
        // Its peer is at another replica now.
        if (outcome.ok() && table_.FindByKey(seat->key) == seat) {
          LeaveLocked(seat, StreamReplaced(), after_unlock);
        }
      });
}

void ReplicatedSessions::WriteEnd(const SharedSession& session, bool guard_claim,
                                  SharedLog::Done done) {
  SharedLog::Write write;
  write.guards.push_back({SessionKey(session.key), session.epoch});
  if (guard_claim) write.guards.push_back({ClaimKey(session.key), session.claim_revision});
  write.changes.push_back({SessionKey(session.key), std::nullopt});
  write.changes.push_back({ClaimKey(session.key), std::nullopt});
  // A peer that has not proven its key does not keep its number.
  if (!session.record.proven()) {
    write.changes.push_back({NumberKey(session.record.peer_id()), std::nullopt});
  }
  write.chain = session.key.hex();
  log_->Commit(std::move(write), std::move(done));
}

void ReplicatedSessions::Unregister(const std::string& token,
                                    std::function<void(absl::Status)> done) {
  Look(token, [this, done](const absl::StatusOr<SharedSession>& found) {
    if (!found.ok()) {
      const bool gone = absl::IsUnauthenticated(found.status()) || absl::IsAborted(found.status());
      return done(gone ? absl::OkStatus() : found.status());
    }
    {
      MutexLock lock(&mutex_);
      const SeatPtr seat = std::static_pointer_cast<Seat>(table_.FindByKey(found->key));
      if (seat != nullptr && seat->epoch == found->epoch) seat->end_status = absl::OkStatus();
    }
    LogInfo("unregistered", {{"peer", found->record.peer_id()}});
    WriteEnd(*found, /*guard_claim=*/false,
             [done](const absl::StatusOr<SharedLog::Outcome>& outcome) { done(outcome.status()); });
  });
}

void ReplicatedSessions::EndOf(const PublicKey& key, const absl::Status& why) {
  const std::optional<SharedSession> session = roster_.Find(key);
  if (!session.has_value()) return;
  {
    MutexLock lock(&mutex_);
    const SeatPtr seat = std::static_pointer_cast<Seat>(table_.FindByKey(key));
    if (seat != nullptr && seat->epoch == session->epoch) seat->end_status = why;
  }
  WriteEnd(*session, /*guard_claim=*/false, [](const absl::StatusOr<SharedLog::Outcome>&) {});
}

// --- what the roster tells

void ReplicatedSessions::Ended(const PublicKey& key, int64_t epoch, const absl::Status& why) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  const SeatPtr seat = std::static_pointer_cast<Seat>(table_.FindByKey(key));
  if (seat == nullptr || seat->epoch != epoch) return;
  LeaveLocked(seat, seat->end_status.value_or(why), after_unlock);
}

void ReplicatedSessions::Claimed(const PublicKey& key, int64_t epoch,
                                 const replica::ClaimRecord& claim) {
  if (claim.replica() == log_->replica()) return;
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  const SeatPtr seat = std::static_pointer_cast<Seat>(table_.FindByKey(key));
  // A claim that is on its way finds out by itself which of the two was later.
  if (seat == nullptr || seat->epoch != epoch || seat->busy || seat->take) return;
  LeaveLocked(seat, StreamReplaced(), after_unlock);
}

void ReplicatedSessions::Lost() {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  for (const PeerSessionPtr& session : table_.All()) {
    const SeatPtr seat = std::static_pointer_cast<Seat>(session);
    const std::optional<SharedSession> shared = roster_.Find(seat->key);
    if (shared.has_value() && shared->epoch == seat->epoch) {
      put_back_.emplace_back(*shared, seat->token);
    }
    LeaveLocked(seat, GoElsewhere(), after_unlock);
  }
}

// --- time

absl::Duration ReplicatedSessions::Expire() {
  SeeState();
  std::vector<SeatPtr> lapsed;
  absl::Duration next;
  {
    MutexLock lock(&mutex_);
    const absl::Time now = clock_->Monotonic();
    if (was_cut_off_) return lease_;
    while (const PeerSessionPtr session = table_.FindLapsed(now)) {
      table_.Renew(*session, now);
      lapsed.push_back(std::static_pointer_cast<Seat>(session));
    }
    next = table_.NextLapse(now);
  }
  for (const SeatPtr& seat : lapsed) EndSeat(seat, /*lapsed=*/true, [](const absl::Status&) {});
  return next;
}

void ReplicatedSessions::SeeState() {
  const bool cut_off = log_->state() != SharedLog::State::kLive;
  std::vector<SeatPtr> dirty;
  std::vector<std::pair<SharedSession, std::string>> put_back;
  {
    AfterUnlock after_unlock;
    MutexLock lock(&mutex_);
    const bool was_cut_off = std::exchange(was_cut_off_, cut_off);
    const absl::Time now = clock_->Monotonic();
    for (const PeerSessionPtr& session : table_.All()) {
      const SeatPtr seat = std::static_pointer_cast<Seat>(session);
      if (cut_off && !was_cut_off && seat->end_stream) {
        // Once: its peer tries another replica while it is still listed, or comes back here.
        after_unlock.Do([end = std::move(seat->end_stream)] { end(GoElsewhere()); });
        seat->end_stream = nullptr;
        seat->tell = nullptr;
        seat->lease_holds = 0;
      }
      if (cut_off) continue;
      if (was_cut_off) table_.Renew(*seat, now);
      if (seat->dirty) dirty.push_back(seat);
      for (std::function<void()>& next : seat->deferred) after_unlock.Do(std::move(next));
      seat->deferred.clear();
    }
    if (!cut_off) put_back.swap(put_back_);
  }
  for (const SeatPtr& seat : dirty) Pump(seat);
  for (const auto& [session, token] : put_back) {
    PutBack(session, [this, token = token](const absl::StatusOr<SharedSession>& again) {
      if (!again.ok() || again->claim.replica() != log_->replica()) return;
      MutexLock lock(&mutex_);
      SitLocked(*again, token);
    });
  }
}

// The peer keeps its token and its number, and states its folder to the new log: a session that is
// in it already, because it is an older backup, begins again.
void ReplicatedSessions::PutBack(const SharedSession& session, Done<SharedSession> done) {
  replica::ClaimRecord claim;
  claim.set_replica(log_->replica());
  replica::NumberRecord number;
  number.set_public_key(session.key.bytes());
  const auto here = [this, key = session.key, token = session.record.token_hash()] {
    const std::optional<SharedSession> now = roster_.Find(key);
    if (!now.has_value() || now->record.token_hash() != token || now->epoch < log_->founded()) {
      return absl::StatusOr<SharedSession>(SessionUnknown());
    }
    return absl::StatusOr<SharedSession>(*now);
  };
  const std::optional<SharedSession> restored = roster_.Find(session.key);
  const bool begun = restored.has_value() && restored->epoch >= log_->founded();
  const bool other =
      restored.has_value() && restored->record.token_hash() != session.record.token_hash();
  const std::optional<Roster::Number> owner = roster_.OwnerOf(session.record.peer_id());
  if (begun || other || (owner.has_value() && owner->key != session.key)) return done(here());
  SharedLog::Write write;
  write.guards = {{SessionKey(session.key), restored.has_value() ? restored->epoch : 0},
                  {NumberKey(session.record.peer_id()), owner.has_value() ? owner->revision : 0}};
  write.changes = {{SessionKey(session.key), session.record.SerializeAsString()},
                   {ClaimKey(session.key), claim.SerializeAsString()},
                   {NumberKey(session.record.peer_id()), number.SerializeAsString()}};
  write.chain = session.key.hex();
  log_->Commit(std::move(write), [here, done](const absl::StatusOr<SharedLog::Outcome>& outcome) {
    done(outcome.ok() ? here() : outcome.status());
  });
}

// --- reach

std::optional<ReachedPeer> ReplicatedSessions::BeginReachCheck() {
  MutexLock lock(&mutex_);
  return reached_.BeginCheck(clock_->Monotonic());
}

void ReplicatedSessions::EndReachCheck(const ReachedPeer& checked, bool answered) {
  SeatPtr seat;
  {
    AfterUnlock after_unlock;
    MutexLock lock(&mutex_);
    const std::optional<bool> changed = reached_.EndCheck(checked, answered, clock_->Monotonic());
    if (!changed.has_value()) return;
    seat = std::static_pointer_cast<Seat>(table_.FindByKey(checked.key));
    if (seat == nullptr) return;
    seat->answering = *changed;
    seat->wanted.set_silent(!seat->answering);
    seat->dirty = true;
    after_unlock.Do(
        [peer = seat->peer_id, address = seat->address, reached = *changed, tell = seat->tell] {
          LogInfo("reach_changed", {{"peer", peer}, {"address", address}, {"reached", reached}});
          if (tell) tell(reached);
        });
  }
  Pump(seat);
}

}  // namespace arkshare
