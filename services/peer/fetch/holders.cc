#include "services/peer/fetch/holders.h"

#include <absl/algorithm/container.h>

#include <algorithm>
#include <list>
#include <utility>

#include "lib/core/clock.h"
#include "lib/core/limits.h"
#include "lib/core/log.h"
#include "lib/core/ticket.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/relayed_target.h"
#include "services/peer/calls/call_door.h"

namespace arkshare {
namespace {

// An idle channel costs little, but new peers never stop coming.
constexpr size_t kMaxChannels = 256;
constexpr size_t kMaxRemembered = 1024;
// Older measurements are no longer true, or were bad luck.
constexpr absl::Duration kForgetAfter = absl::Minutes(10);
// The weight of a new measurement against all earlier ones. Goodput changes with every other
// download that runs; the weight of a round trip is that of RFC 6298.
constexpr double kGoodputWeight = 0.3;
constexpr double kRoundTripWeight = 0.125;
// The first round trip dominates a run that is shorter than both.
constexpr uint64_t kFewBytes = 256 * 1024;
constexpr absl::Duration kShortTime = absl::Seconds(1);
constexpr absl::Duration kProofLasts = absl::Seconds(1);
// The window of the second channel, in bytes: enough for a limit of which half as much is on its
// way at a time.
constexpr int kSlowReadAhead = 256 * 1024;
constexpr absl::Duration kReportTime = absl::Seconds(1);
// The holder is called first, and comes to the relay.
constexpr absl::Duration kRelayedPingTimeout = absl::Seconds(4);
// The door waits for the holder before it goes to the relay.
constexpr absl::Duration kDoorPingTimeout = absl::Seconds(6);
// For one attempt to connect: both ways, and the handshake.
constexpr absl::Duration kDoorTimeout = absl::Seconds(7);
// In one home, an answer takes some milliseconds; and the address may be an old one.
constexpr absl::Duration kLocalPingTimeout = absl::Milliseconds(300);
// The length of boot_id in the protos.
constexpr size_t kPingBootIdBytes = 16;
// The holders that Reachable considers, and those that it pings at a time.
constexpr size_t kMostConsidered = 64;
constexpr size_t kMostPings = 16;
constexpr absl::Duration kUnknownRoundTrip = absl::Milliseconds(100);

}  // namespace

std::shared_ptr<v1::FileService::Stub> Holders::Stub(const std::string& address,
                                                     const PublicKey& key,
                                                     uint64_t bytes_per_second) {
  MutexLock lock(&mutex_);
  Known& known = KnownAt({address, key});
  if (bytes_per_second == 0) return known.stub;
  const auto experience = experience_.find(key);
  const absl::Duration round_trip = experience == experience_.end()
                                        ? kUnknownRoundTrip
                                        : experience->second.round_trip.value_or(kUnknownRoundTrip);
  const double on_the_way =
      static_cast<double>(bytes_per_second) * absl::ToDoubleSeconds(round_trip);
  if (on_the_way > kSlowReadAhead / 2) return known.stub;
  if (known.slow_stub == nullptr) {
    known.slow_stub = v1::FileService::NewStub(Dial({address, key}, known.by_door, kSlowReadAhead));
  }
  return known.slow_stub;
}

void Holders::ReportMismatch(const std::string& address, const PublicKey& key,
                             const ContentId& content) {
  grpc::ClientContext context;
  SetTimeout(context, kReportTime);
  v1::ReportMismatchRequest request;
  *request.mutable_content() = ToProto(content);
  v1::ReportMismatchResponse response;
  Stub(address, key)->ReportMismatch(&context, request, &response);
}

Holders::Known& Holders::KnownAt(const Place& place) {
  const auto found = known_.find(place);
  // Once other peers reach this one, a channel to the relay becomes one to the door. The door knows
  // when they do not any more.
  const bool can_call = door_ != nullptr && RelayOf(place.first).has_value() && door_->CanCall();
  if (found != known_.end() && (found->second.by_door || !can_call)) return found->second;
  if (known_.size() >= kMaxChannels) known_.erase(known_.begin());
  Known& known = known_[place] = Known();
  known.by_door = can_call;
  known.channel = Dial(place, can_call);
  known.stub = v1::FileService::NewStub(known.channel);
  return known;
}

std::shared_ptr<grpc::Channel> Holders::Dial(const Place& place, bool by_door, int read_ahead) {
  if (!by_door) return dialer_->Dial(place.first, &place.second, read_ahead);
  const Dialer::Door door{door_->address(), door_->Lines(*RelayOf(place.first))};
  return dialer_->Dial(place.first, &place.second, read_ahead, kDoorTimeout, &door);
}

bool Holders::ProvenLately(const BookHolder& holder) {
  MutexLock lock(&mutex_);
  const auto found = known_.find(Place(holder.address, holder.key));
  if (found == known_.end()) return false;
  const Known& known = found->second;
  return clock_->Monotonic() - known.proven <= kProofLasts &&
         known.channel->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY;
}

void Holders::NoteProven(const BookHolder& holder) {
  MutexLock lock(&mutex_);
  KnownAt({holder.address, holder.key}).proven = clock_->Monotonic();
}

Holders::Experience& Holders::Remember(const PublicKey& key) {
  const auto known = experience_.find(key);
  if (known != experience_.end()) return known->second;
  if (experience_.size() >= kMaxRemembered) {
    const auto last = [](const Experience& e) { return std::max(e.round_trip_at, e.goodput_at); };
    experience_.erase(std::min_element(
        experience_.begin(), experience_.end(),
        [&](const auto& a, const auto& b) { return last(a.second) < last(b.second); }));
  }
  return experience_[key];
}

void Holders::NoteGoodput(const PublicKey& key, uint64_t bytes, absl::Duration time) {
  if (time <= absl::ZeroDuration() || (bytes < kFewBytes && time < kShortTime)) return;
  const double goodput = static_cast<double>(bytes) / absl::ToDoubleSeconds(time);
  const absl::Time now = clock_->Monotonic();
  MutexLock lock(&mutex_);
  Experience& experience = Remember(key);
  const bool fresh = experience.goodput && now - experience.goodput_at < kForgetAfter;
  experience.goodput =
      fresh ? *experience.goodput * (1 - kGoodputWeight) + goodput * kGoodputWeight : goodput;
  experience.goodput_at = now;
}

void Holders::NoteRoundTrip(const PublicKey& key, absl::Duration round_trip) {
  const absl::Time now = clock_->Monotonic();
  MutexLock lock(&mutex_);
  Experience& experience = Remember(key);
  const bool fresh = experience.round_trip && now - experience.round_trip_at < kForgetAfter;
  // A shorter one is nearer to the truth: the first ping also makes the connection, and a busy
  // machine only adds time.
  experience.round_trip =
      !fresh || round_trip < *experience.round_trip
          ? round_trip
          : *experience.round_trip * (1 - kRoundTripWeight) + round_trip * kRoundTripWeight;
  experience.round_trip_at = now;
}

void Holders::Fill(BookHolder& holder) {
  const absl::Time now = clock_->Monotonic();
  MutexLock lock(&mutex_);
  const auto known = experience_.find(holder.key);
  if (known == experience_.end()) return;
  const Experience& experience = known->second;
  if (experience.round_trip && now - experience.round_trip_at < kForgetAfter) {
    holder.round_trip = *experience.round_trip;
  }
  if (experience.goodput && now - experience.goodput_at < kForgetAfter) {
    holder.goodput = experience.goodput;
  }
}

void Holders::NoteSilent(const BookHolder& holder) {
  MutexLock lock(&mutex_);
  if (silent_.size() < size_t{kMaxSilentPeers} && !absl::c_linear_search(silent_, holder.key)) {
    silent_.push_back(holder.key);
  }
}

std::vector<PublicKey> Holders::TakeSilent() {
  MutexLock lock(&mutex_);
  return std::exchange(silent_, {});
}

bool Holders::SilentLately(const PublicKey& key) {
  MutexLock lock(&mutex_);
  const auto known = experience_.find(key);
  return known != experience_.end() && clock_->Monotonic() - known->second.silent_at < kForgetAfter;
}

void Holders::NoteDirect(const PublicKey& key, bool answered) {
  MutexLock lock(&mutex_);
  if (!answered) {
    Remember(key).silent_at = clock_->Monotonic();
  } else if (const auto known = experience_.find(key); known != experience_.end()) {
    known->second.silent_at = absl::InfinitePast();
  }
}

std::vector<BookHolder> Holders::Reachable(std::vector<BookHolder> holders, absl::Duration timeout,
                                           uint64_t bytes) {
  if (holders.size() > kMostConsidered) {
    LogInfo("holders_left_out", {{"named", holders.size()}, {"considered", kMostConsidered}});
    holders.erase(holders.begin() + kMostConsidered, holders.end());
  }
  std::vector<bool> answered(holders.size());
  std::vector<Try> here = PingLocally(holders);
  for (const Try& one : here) answered[one.position] = true;
  std::vector<Try> tries;
  std::vector<Try> later;  // through the relay, if the address does not answer
  for (size_t i = 0; i < holders.size(); ++i) {
    if (answered[i]) continue;
    const BookHolder& holder = holders[i];
    const bool direct = !holder.address.empty() && !RelayOf(holder.address).has_value();
    if (direct) tries.push_back({holder, i});
    const std::string& relay = holder.relay.empty() && !direct ? holder.address : holder.relay;
    if (relay.empty()) continue;
    Try relayed{holder, i};
    relayed.holder.address = relay;
    relayed.holder.relayed = true;
    std::vector<Try>& when = !direct || SilentLately(holder.key) ? tries : later;
    when.push_back(std::move(relayed));
  }
  Ping(tries, timeout);
  for (const Try& one : tries) answered[one.position] = answered[one.position] || one.proven;
  std::erase_if(later, [&](const Try& one) { return answered[one.position]; });
  Ping(later, timeout);

  std::vector<BookHolder> reachable;
  std::fill(answered.begin(), answered.end(), false);
  for (std::vector<Try>* round : {&here, &tries, &later}) {
    for (Try& one : *round) {
      if (round == &tries && !one.holder.relayed && !one.holder.relay.empty()) {
        NoteDirect(one.holder.key, one.proven);
        // The port that a router has opened may be dead: the index looks.
        if (!one.proven) NoteSilent(one.holder);
      }
      // The direct way comes first.
      if (!one.proven || answered[one.position]) continue;
      answered[one.position] = true;
      one.holder.called_back =
          one.holder.relayed && door_ != nullptr && door_->CalledBack(one.holder.key);
      if (one.holder.called_back) one.holder.relayed = false;
      Fill(one.holder);
      reachable.push_back(std::move(one.holder));
    }
  }
  for (size_t i = 0; i < holders.size(); ++i) {
    if (answered[i]) continue;
    NoteSilent(holders[i]);
    LogInfo("holder_unreachable", {{"peer", holders[i].peer_id}, {"address", holders[i].address}});
  }
  RankHolders(reachable, bytes);
  return reachable;
}

std::vector<Holders::Try> Holders::PingLocally(const std::vector<BookHolder>& holders) {
  std::vector<Try> here;
  for (size_t i = 0; find_local_ && i < holders.size(); ++i) {
    const bool relayed = !holders[i].relay.empty() || RelayOf(holders[i].address).has_value();
    const std::string address = relayed ? find_local_(holders[i].key) : "";
    if (address.empty()) continue;
    here.push_back({holders[i], i});
    here.back().holder.address = address;
  }
  Ping(here, kLocalPingTimeout);
  std::erase_if(here, [](const Try& one) { return !one.proven; });
  return here;
}

void Holders::Ping(std::vector<Try>& tries, absl::Duration timeout) {
  KeepCallbackQueue();
  struct Call {
    Try* one;
    std::shared_ptr<v1::FileService::Stub> stub;
    grpc::ClientContext context;
    v1::PingRequest request;
    v1::PingResponse response;
    absl::Time begin;
  };
  Mutex mutex;
  CondVar done;
  size_t left = 0;
  std::list<Call> calls;
  for (Try& one : tries) {
    one.proven = ProvenLately(one.holder);
    if (one.proven) continue;
    Call& call = calls.emplace_back();
    call.one = &one;
    call.stub = Stub(one.holder.address, one.holder.key);
    call.request.set_nonce(RandomBytes(16));
    {
      MutexLock lock(&mutex);
      while (left == kMostPings) done.Wait(&mutex);
      ++left;
    }
    const absl::Duration relayed = door_ == nullptr ? kRelayedPingTimeout : kDoorPingTimeout;
    SetTimeout(call.context, one.holder.relayed ? std::max(timeout, relayed) : timeout);
    call.begin = clock_->Monotonic();
    call.stub->async()->Ping(
        &call.context, &call.request, &call.response,
        [this, &call, &mutex, &done, &left](const grpc::Status& status) {
          MutexLock lock(&mutex);
          BookHolder& holder = call.one->holder;
          const v1::PingResponse& pong = call.response;
          holder.round_trip = clock_->Monotonic() - call.begin;
          call.one->proven = status.ok() && pong.nonce() == call.request.nonce() &&
                             pong.boot_id().size() == kPingBootIdBytes &&
                             holder.key.Verify(PingSignedBytes(pong.nonce(), pong.boot_id(), ""),
                                               pong.signature());
          --left;
          done.NotifyAll();
        });
  }
  {
    MutexLock lock(&mutex);
    while (left > 0) done.Wait(&mutex);
  }
  for (const Call& call : calls) {
    if (!call.one->proven) continue;
    NoteRoundTrip(call.one->holder.key, call.one->holder.round_trip);
    NoteProven(call.one->holder);
  }
}

}  // namespace arkshare
