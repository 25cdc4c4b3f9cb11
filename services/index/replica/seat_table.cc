#include "services/index/replica/seat_table.h"

#include <memory>
#include <utility>

#include "services/index/sessions/session_rules.h"

namespace arkshare {
namespace {

SeatPtr SeatOf(const PeerSessionPtr& session) { return std::static_pointer_cast<Seat>(session); }

bool HasLapsed(const Seat& seat, absl::Time now) {
  return seat.deadline <= now && seat.lease_holds == 0;
}

}  // namespace

SeatPtr SeatTable::Sit(const SharedSession& session, const std::string& token, absl::Time now) {
  if (const SeatPtr former = FindByKey(session.key)) {
    if (former->epoch == session.epoch) return former;
    table_.Remove(former);
    reached_.Remove(former->key);
  }
  const SeatPtr seat = std::make_shared<Seat>(catalog_, session, token);
  table_.Add(seat, now);
  if (seat->proven) reached_.Add({seat->key, seat->address, seat->order}, now);
  return seat;
}

void SeatTable::Leave(const SeatPtr& seat, const absl::Status& why, AfterUnlock& after_unlock) {
  table_.Remove(seat);
  reached_.Remove(seat->key);
  if (seat->end_stream) {
    after_unlock.Do([end = std::move(seat->end_stream), why] { end(why); });
  }
  seat->end_stream = nullptr;
  seat->tell = nullptr;
  seat->claim.Leave(after_unlock);
  for (Seat::Waiting& next : std::exchange(seat->waiting_for_end, {})) {
    after_unlock.Do([next = std::move(next)] { next(absl::OkStatus()); });
  }
  for (std::function<void()>& next : std::exchange(seat->deferred, {})) {
    after_unlock.Do(std::move(next));
  }
}

SeatPtr SeatTable::FindByToken(const std::string& token) const {
  return SeatOf(table_.FindByToken(token));
}

SeatPtr SeatTable::FindByKey(const PublicKey& key) const { return SeatOf(table_.FindByKey(key)); }

SeatPtr SeatTable::Find(const PublicKey& key, int64_t epoch) const {
  const SeatPtr seat = FindByKey(key);
  return seat == nullptr || seat->epoch != epoch ? nullptr : seat;
}

SeatPtr SeatTable::FindStream(const std::string& token, uint64_t stream_id, absl::Time now) const {
  const SeatPtr seat = FindByToken(token);
  if (seat == nullptr || seat->stream_id != stream_id || !seat->end_stream || seat->ending) {
    return nullptr;
  }
  return HasLapsed(*seat, now) && !cut_off_ ? nullptr : seat;
}

std::vector<SeatPtr> SeatTable::All() const {
  std::vector<SeatPtr> all;
  for (const PeerSessionPtr& session : table_.All()) all.push_back(SeatOf(session));
  return all;
}

bool SeatTable::IsOver(const Seat& seat, absl::Time now) const {
  return !cut_off_ && (seat.ending || HasLapsed(seat, now));
}

std::vector<SeatPtr> SeatTable::TakeLapsed(absl::Time now) {
  std::vector<SeatPtr> lapsed;
  if (cut_off_) return lapsed;
  while (const PeerSessionPtr session = table_.FindLapsed(now)) {
    table_.Renew(*session, now);
    lapsed.push_back(SeatOf(session));
  }
  return lapsed;
}

uint64_t SeatTable::OpenStream(Seat& seat, Sessions::EndStream end_stream,
                               Sessions::TellReached tell, absl::Time now,
                               AfterUnlock& after_unlock) {
  if (seat.end_stream) {
    after_unlock.Do([end = std::move(seat.end_stream)] { end(StreamReplaced()); });
  }
  seat.stream_id = next_stream_++;
  seat.end_stream = end_stream ? std::move(end_stream) : [](const absl::Status&) {};
  seat.tell = std::move(tell);
  if (!seat.answering && seat.tell) after_unlock.Do([tell = seat.tell] { tell(false); });
  seat.lease_holds = 0;
  table_.Renew(seat, now);
  return seat.stream_id;
}

void SeatTable::CloseStream(Seat& seat, absl::Time now) {
  seat.end_stream = nullptr;
  seat.tell = nullptr;
  // Messages that wait are not applied any more.
  if (std::exchange(seat.lease_holds, 0) > 0) table_.Renew(seat, now);
}

void SeatTable::SetCutOff(bool cut_off, const absl::Status& why, absl::Time now,
                          AfterUnlock& after_unlock) {
  const bool was_cut_off = std::exchange(cut_off_, cut_off);
  if (cut_off == was_cut_off) return;
  for (const SeatPtr& seat : All()) {
    if (!cut_off) {
      table_.Renew(*seat, now);
      for (std::function<void()>& next : std::exchange(seat->deferred, {})) {
        after_unlock.Do(std::move(next));
      }
    } else if (seat->end_stream) {
      after_unlock.Do([end = std::move(seat->end_stream), why] { end(why); });
      seat->end_stream = nullptr;
      seat->tell = nullptr;
      seat->lease_holds = 0;
    }
  }
}

void SeatTable::Report(Seat& seat, const PublicKey& silent, absl::Time now) {
  if (seat.reports.Pay(now)) reached_.Report(silent, now);
}

SeatPtr SeatTable::EndReachCheck(const ReachedPeer& checked, bool answered, absl::Time now) {
  const std::optional<bool> changed = reached_.EndCheck(checked, answered, now);
  if (!changed.has_value()) return nullptr;
  const SeatPtr seat = FindByKey(checked.key);
  if (seat == nullptr) return nullptr;
  seat->answering = *changed;
  seat->claim.SetSilent(!seat->answering);
  return seat;
}

}  // namespace arkshare
