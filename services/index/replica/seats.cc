#include "services/index/replica/seats.h"

#include <memory>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "services/index/replica/session_writes.h"
#include "services/index/sessions/after_unlock.h"
#include "services/index/sessions/session_rules.h"

namespace arkshare {
namespace {

absl::Status GoElsewhere() {
  return MakeError(
      Reason::kShuttingDown,
      "this index has lost what it shares with its replicas: call another one, or this "
      "one again");
}

}  // namespace

// --- coming and going

void Seats::Sit(const SharedSession& session, const std::string& token) {
  MutexLock lock(&mutex_);
  table_.Sit(session, token, clock_->Monotonic());
}

SeatPtr Seats::IfOverLocked(const SeatPtr& seat) const {
  return seat != nullptr && table_.IsOver(*seat, clock_->Monotonic()) ? seat : nullptr;
}

bool Seats::EndIfOver(const std::string& token, Waiting next) {
  SeatPtr seat;
  {
    MutexLock lock(&mutex_);
    seat = IfOverLocked(table_.FindByToken(token));
  }
  if (seat != nullptr) End(seat, std::move(next));
  return seat != nullptr;
}

bool Seats::EndIfOver(const PublicKey& key, Waiting next) {
  SeatPtr seat;
  {
    MutexLock lock(&mutex_);
    seat = IfOverLocked(table_.FindByKey(key));
  }
  if (seat != nullptr) End(seat, std::move(next));
  return seat != nullptr;
}

void Seats::End(const SeatPtr& seat, Waiting next) {
  SharedSession session;
  {
    MutexLock lock(&mutex_);
    if (seat->claim.busy() && !seat->ending) {
      // The revision of the claim, which guards the end, is not known yet.
      seat->claim.AwaitFree(
          [this, seat, next = std::move(next)](const absl::Status&) { End(seat, next); });
      return;
    }
    seat->waiting_for_end.push_back(std::move(next));
    if (std::exchange(seat->ending, true)) return;
    table_.Renew(*seat, clock_->Monotonic());
    session.key = seat->key;
    session.epoch = seat->epoch;
    session.claim_revision = seat->claim.revision();
    session.record.set_peer_id(seat->peer_id);
    session.record.set_proven(seat->proven);
  }
  SharedLog::Write write = MakeEnd(session, /*guard_claim=*/true);
  write.chain = session.key.hex();
  log_->Commit(std::move(write), [this, seat](const absl::StatusOr<SharedLog::Outcome>& outcome) {
    EndWritten(seat, outcome);
  });
}

void Seats::EndWritten(const SeatPtr& seat, const absl::StatusOr<SharedLog::Outcome>& outcome) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  seat->ending = false;
  if (outcome.ok() && outcome->made) {
    ++lapsed_count_;
    after_unlock.Do([peer = seat->peer_id] { LogInfo("lease_lapsed", {{"peer", peer}}); });
  }
  const absl::Status status = outcome.ok() ? absl::OkStatus() : outcome.status();
  for (Waiting& waiting : std::exchange(seat->waiting_for_end, {})) {
    after_unlock.Do([waiting = std::move(waiting), status] { waiting(status); });
  }
  // Its peer is at another replica now.
  if (outcome.ok() && table_.Has(seat)) table_.Leave(seat, StreamReplaced(), after_unlock);
}

void Seats::SetEndStatus(const SharedSession& session, const absl::Status& why) {
  MutexLock lock(&mutex_);
  const SeatPtr seat = table_.Find(session.key, session.epoch);
  if (seat != nullptr) seat->end_status = why;
}

// --- what the roster tells

void Seats::Ended(const PublicKey& key, int64_t epoch, const absl::Status& why) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  const SeatPtr seat = table_.Find(key, epoch);
  if (seat != nullptr) table_.Leave(seat, seat->end_status.value_or(why), after_unlock);
}

void Seats::Claimed(const PublicKey& key, int64_t epoch, const replica::ClaimRecord& claim) {
  if (claim.replica() == log_->replica()) return;
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  const SeatPtr seat = table_.Find(key, epoch);
  // A claim that is on its way finds out by itself which of the two was later.
  if (seat == nullptr || seat->claim.busy() || seat->claim.taking()) return;
  table_.Leave(seat, StreamReplaced(), after_unlock);
}

std::vector<SeatPtr> Seats::LeaveAll(AfterUnlock& after_unlock) {
  MutexLock lock(&mutex_);
  std::vector<SeatPtr> all = table_.All();
  for (const SeatPtr& seat : all) table_.Leave(seat, GoElsewhere(), after_unlock);
  return all;
}

// --- time

void Seats::SetCutOff(bool cut_off) {
  std::vector<SeatPtr> dirty;
  {
    AfterUnlock after_unlock;
    MutexLock lock(&mutex_);
    table_.SetCutOff(cut_off, GoElsewhere(), clock_->Monotonic(), after_unlock);
    if (cut_off) return;
    for (const SeatPtr& seat : table_.All()) {
      if (seat->claim.dirty()) dirty.push_back(seat);
    }
  }
  for (const SeatPtr& seat : dirty) Pump(seat);
}

absl::Duration Seats::Expire() {
  std::vector<SeatPtr> lapsed;
  absl::Duration next;
  {
    MutexLock lock(&mutex_);
    if (table_.cut_off()) return lease_;
    const absl::Time now = clock_->Monotonic();
    lapsed = table_.TakeLapsed(now);
    next = table_.NextLapse(now);
  }
  for (const SeatPtr& seat : lapsed) End(seat, [](const absl::Status&) {});
  return next;
}

std::optional<ReachedPeer> Seats::BeginReachCheck() {
  MutexLock lock(&mutex_);
  return table_.BeginReachCheck(clock_->Monotonic());
}

void Seats::EndReachCheck(const ReachedPeer& checked, bool answered) {
  SeatPtr seat;
  {
    AfterUnlock after_unlock;
    MutexLock lock(&mutex_);
    seat = table_.EndReachCheck(checked, answered, clock_->Monotonic());
    if (seat == nullptr) return;
    after_unlock.Do([peer = seat->peer_id, address = seat->address, reached = seat->answering,
                     tell = seat->tell] {
      LogInfo("reach_changed", {{"peer", peer}, {"address", address}, {"reached", reached}});
      if (tell) tell(reached);
    });
  }
  Pump(seat);
}

// --- streams

void Seats::OpenStream(const SharedSession& session, const std::string& token,
                       Sessions::EndStream end_stream, Sessions::TellReached tell,
                       Sessions::Done<Stream> done) {
  Stream stream;
  bool cut_off = false;
  {
    AfterUnlock after_unlock;
    MutexLock lock(&mutex_);
    const absl::Time now = clock_->Monotonic();
    stream.seat = table_.Sit(session, token, now);
    stream.id =
        table_.OpenStream(*stream.seat, std::move(end_stream), std::move(tell), now, after_unlock);
    SeatClaim& claim = stream.seat->claim;
    claim.Take(log_->replica(), stream.id);
    cut_off = table_.cut_off();
    if (!cut_off) {
      claim.AwaitWrite([this, stream, done](const absl::Status& written) {
        if (written.ok()) return done(stream);
        {
          MutexLock relock(&mutex_);
          if (stream.seat->stream_id == stream.id) stream.seat->end_stream = nullptr;
        }
        done(written);
      });
    }
  }
  if (cut_off) return done(stream);
  Pump(stream.seat);
}

std::optional<uint64_t> Seats::BeginStatements(const Stream& stream,
                                               const std::optional<SharedSession>& now) {
  MutexLock lock(&mutex_);
  Seat& seat = *stream.seat;
  if (!now.has_value() || now->epoch != seat.epoch || seat.stream_id != stream.id ||
      !seat.end_stream) {
    return std::nullopt;
  }
  return seat.sent.Begin(now->through, now->complete);
}

void Seats::CloseStream(const std::string& token, uint64_t stream_id, std::function<void()> done) {
  SeatPtr seat;
  {
    MutexLock lock(&mutex_);
    const absl::Time now = clock_->Monotonic();
    seat = table_.FindStream(token, stream_id, now);
    if (seat != nullptr) {
      table_.CloseStream(*seat, now);
      seat->claim.Hide();
      seat->claim.AwaitWrite([done](const absl::Status&) { done(); });
    }
  }
  if (seat == nullptr) return done();
  Pump(seat);
}

void Seats::HoldLease(const std::string& token, uint64_t stream_id) {
  MutexLock lock(&mutex_);
  const SeatPtr seat = table_.FindStream(token, stream_id, clock_->Monotonic());
  if (seat != nullptr) ++seat->lease_holds;
}

void Seats::ReleaseLease(const std::string& token, uint64_t stream_id) {
  MutexLock lock(&mutex_);
  const absl::Time now = clock_->Monotonic();
  const SeatPtr seat = table_.FindStream(token, stream_id, now);
  if (seat == nullptr || seat->lease_holds == 0) return;
  --seat->lease_holds;
  // The message may have waited for a long time, but the peer was not silent.
  table_.Renew(*seat, now);
}

Seats::Heard Seats::Hear(const std::string& token, uint64_t stream_id,
                         const Announcement& announcement, std::function<void()> again) {
  Heard heard;
  {
    MutexLock lock(&mutex_);
    const absl::Time now = clock_->Monotonic();
    heard.seat = table_.FindStream(token, stream_id, now);
    if (heard.seat == nullptr) return heard;
    Seat& seat = *heard.seat;
    table_.Renew(seat, now);
    for (const PublicKey& silent : announcement.silent) table_.Report(seat, silent, now);
    seat.claim.SetLoad(announcement.free_slots, announcement.upload_limit);
    if (announcement.network.has_value()) {
      seat.claim.SetPlace(announcement.local_address, *announcement.network);
    }
    heard.next = seat.sent.Hear(announcement);
    if (heard.next.ok() && heard.next->store && table_.cut_off()) {
      seat.deferred.push_back(std::move(again));
      heard.waits = true;
      return heard;
    }
  }
  Pump(heard.seat);
  return heard;
}

uint64_t Seats::Send(const SeatPtr& seat, size_t count, bool complete) {
  MutexLock lock(&mutex_);
  return seat->sent.Send(count, complete);
}

// --- the claim

void Seats::Pump(const SeatPtr& seat) {
  std::optional<SeatClaim::Write> next;
  {
    MutexLock lock(&mutex_);
    next = seat->claim.BeginWrite();
  }
  if (!next.has_value()) return;
  SharedLog::Write write = std::move(next->write);
  log_->Commit(std::move(write), [this, seat, next = *std::move(next)](
                                     const absl::StatusOr<SharedLog::Outcome>& outcome) {
    ClaimWritten(seat, next, outcome);
  });
}

void Seats::ClaimWritten(const SeatPtr& seat, const SeatClaim::Write& write,
                         const absl::StatusOr<SharedLog::Outcome>& outcome) {
  const std::optional<SharedSession> now = roster_.Find(seat->key);
  {
    AfterUnlock after_unlock;
    MutexLock lock(&mutex_);
    seat->claim.EndWrite(write, outcome, after_unlock);
    if (!outcome.ok()) return;  // it is written when the log can be reached again
    const bool here =
        now.has_value() && now->epoch == seat->epoch && now->claim.replica() == log_->replica();
    if (!here && !seat->claim.taking() && table_.Has(seat)) {
      table_.Leave(seat, StreamReplaced(), after_unlock);
    }
  }
  Pump(seat);
}

}  // namespace arkshare
