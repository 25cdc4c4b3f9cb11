#include "services/peer/session/announcer.h"

#include <utility>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/core/log.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/relayed_target.h"
#include "services/peer/session/reachability.h"

namespace arkshare {
namespace {

constexpr absl::Duration kFirstRetry = absl::Milliseconds(200);
// After an index has refused this peer's books because they are too many.
constexpr absl::Duration kFirstLimitRetry = absl::Seconds(10);
constexpr absl::Duration kLastLimitRetry = absl::Minutes(5);
// The longest session pause, as a multiple of the first.
constexpr int kLongestSessionPause = 64;

}  // namespace

Announcer::Announcer(Options options, Parts parts, PublicKey key,
                     std::function<void()> on_registered, std::function<void()> on_superseded)
    : options_(std::move(options)),
      parts_(parts),
      key_(key),
      on_registered_(std::move(on_registered)),
      on_superseded_(std::move(on_superseded)),
      numbers_(parts_.library, parts_.ledger->listings()),
      recheck_timer_(options_.recheck),
      way_plan_(options_.recheck, options_.relay_retry),
      return_timer_(options_.return_after),
      limit_pause_(kFirstLimitRetry, kLastLimitRetry),
      session_pause_(options_.session_pause, options_.session_pause * kLongestSessionPause) {}

Announcer::~Announcer() { Stop(); }

void Announcer::Start() {
  if (absl::StatusOr<uint32_t> last = parts_.ledger->session()->LastPeerId(); last.ok()) {
    state_.SetPeerId(*last);
  }
  if (parts_.calls != nullptr) {
    kept_relay_port_ = parts_.ledger->session()->LastRelayPort().value_or(0);
    relay_port_ = kept_relay_port_;
    by_relay_ = relay_port_ != 0;
  }
  thread_ = std::thread([this] { Run(); });
}

void Announcer::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    if (stream_ != nullptr) stream_->Stop();
    changed_.NotifyAll();
  }
  parts_.index->Stop();
  parts_.library->feed().Wake();
  if (thread_.joinable()) thread_.join();
}

bool Announcer::stopping() const {
  MutexLock lock(&mutex_);
  return stopping_;
}

// At random, so that the peers of a restarted index do not all come at once.
bool Announcer::WaitBeforeRetry(RetryWindow window) {
  const absl::Duration wait =
      window.from + (window.to - window.from) * absl::Uniform(random_, 0.0, 1.0);
  const absl::Time until = Now() + wait;
  MutexLock lock(&mutex_);
  while (!stopping_) {
    const absl::Duration left = until - Now();
    if (left <= absl::ZeroDuration()) return true;
    changed_.WaitFor(&mutex_, left);
  }
  return false;
}

void Announcer::Run() {
  absl::Duration retry = kFirstRetry;
  while (!stopping()) {
    if (!RegisterOrWait(retry)) continue;
    on_registered_();
    const absl::Time begin = Now();
    const StreamEnd end = RunSession();
    if (Now() - begin > lease_) session_pause_.Reset();
    if (end == StreamEnd::kSuperseded) {
      state_.SetTrouble(kSupersededAdvice);
      on_superseded_();
      return;
    }
    if (end == StreamEnd::kSessionLost) {
      // All peers of an index that has lost its sessions come at once.
      WaitBeforeRetry({absl::ZeroDuration(), session_pause_.Next().to});
    } else if (end == StreamEnd::kContractBroken) {
      parts_.index->UseNextAddress(GetState().trouble);
      WaitBeforeRetry(session_pause_.Next());
    } else if (end == StreamEnd::kOverLimit) {
      WaitBeforeRetry(limit_pause_.Next());
    } else if (end == StreamEnd::kReturn) {
      Unregister();
      parts_.index->UseEarlierAddress();
    }
  }
  Unregister();
}

void Announcer::Unregister() {
  if (absl::Status s = parts_.index->Unregister(); !s.ok()) {
    LogInfo("not_unregistered", {{"why", s}});
  }
}

bool Announcer::RegisterOrWait(absl::Duration& retry) {
  const absl::Status status = Register();
  if (status.ok()) {
    retry = kFirstRetry;
    return true;
  }
  state_.NotRegistered(status);
  if (IsFailureOfIndex(status)) parts_.index->UseNextAddress(std::string(status.message()));
  WaitBeforeRetry(RetryAfter(status, retry));
  retry = NextRetry(status, retry);
  return false;
}

Announcer::StreamEnd Announcer::RunSession() {
  StreamEnd end = StreamEnd::kBroken;
  absl::Duration retry = kFirstRetry;
  // The index keeps the session for a lease after a stream broke, so the next stream continues it.
  absl::Time session_end = absl::InfiniteFuture();
  while (end == StreamEnd::kBroken && Now() < session_end) {
    end = Announce();
    if (end == StreamEnd::kReplaced) {
      on_registered_();
      session_end = absl::InfiniteFuture();
      end = StreamEnd::kBroken;
      continue;
    }
    if (state_.WentOffline() || session_end == absl::InfiniteFuture()) {
      session_end = Now() + lease_;
      retry = kFirstRetry;
    }
    if (end == StreamEnd::kRecheck) {
      // When the index still cannot reach this peer (KEY_IN_USE), the old session goes on.
      if (Register().ok()) {
        on_registered_();
      } else {
        recheck_timer_.Unreachable(Now());
      }
      end = StreamEnd::kBroken;
      continue;
    }
    // While its replica is away, the peer is listed for some seconds more.
    if (end == StreamEnd::kBroken && parts_.index->HasReplicas()) parts_.index->UseNextReplica();
    if (end != StreamEnd::kBroken || !WaitBeforeRetry({retry / 2, retry})) break;
    retry = NextRetry(absl::OkStatus(), retry);
  }
  return end;
}

AnnounceStream::End Announcer::Announce() {
  AnnounceStream stream({.index = parts_.index,
                         .library = parts_.library,
                         .clock = parts_.clock,
                         .watchdog = parts_.watchdog,
                         .statements = &statements_,
                         .state = &state_,
                         .recheck_timer = &recheck_timer_,
                         .return_timer = &return_timer_,
                         .upload_load = parts_.upload_load,
                         .silent_peers = parts_.silent_peers,
                         .membership = parts_.membership,
                         .calls = parts_.calls,
                         .opened = [this](uint32_t relay_port) { Moved(relay_port); },
                         .local_address = parts_.local_address,
                         .replaced = [this] { return FindBetterWay(); }},
                        lease_);
  {
    MutexLock lock(&mutex_);
    if (stopping_) return StreamEnd::kStopped;
    stream_ = &stream;
  }
  StreamEnd end = stream.Run();
  // The index may have ended the stream because that registration took its place.
  const std::optional<Recheck::Answer> better = recheck_.Take();
  if (better.has_value() && better->ok()) {
    Judge(rechecked_, (*better)->reachability().reachable());
    Adopt(**better);
    if (end != StreamEnd::kStopped) end = StreamEnd::kReplaced;
  }
  MutexLock lock(&mutex_);
  stream_ = nullptr;
  return end;
}

bool Announcer::FindBetterWay() {
  if (recheck_.begun()) {
    const Recheck::Answer* const answer = recheck_.answer();
    // It is used once the stream has ended.
    if (answer == nullptr || answer->ok()) return answer != nullptr;
    LogInfo("no_better_way", {{"why", answer->status()}});
    // An index that is busy, or away, has not looked.
    if (GetReason(answer->status()) == Reason::kKeyInUse) Judge(rechecked_, /*reached=*/false);
    recheck_.Take();
    return false;
  }
  std::optional<v1::RegisterRequest> request = NextRecheck();
  if (!request.has_value()) return false;
  rechecked_ = *std::move(request);
  rechecked_.set_only_if_reachable(true);
  if (rechecked_.by_relay()) UseRelay();
  recheck_.Begin(
      [this] {
        if (rechecked_.by_relay()) parts_.calls->Answer(rechecked_.registration_id());
        return parts_.index->Register(rechecked_);
      },
      [this] { parts_.library->feed().Wake(); });
  return false;
}

std::optional<v1::RegisterRequest> Announcer::NextRecheck() {
  WayPlan::Situation situation{
      .reached = state_.reached(), .by_relay = by_relay_, .has_relay = relay_port_ != 0};
  if (const auto mapping = Mapped()) situation.mapping = mapping->generation;
  const std::optional<WayPlan::Try> next = way_plan_.Next(situation, Now());
  if (!next.has_value()) return std::nullopt;
  return MakeRequest(*next == WayPlan::Try::kRelay, *next == WayPlan::Try::kMapping);
}

std::optional<PortMapper::Mapping> Announcer::Mapped() const {
  return parts_.mapper == nullptr ? std::nullopt : parts_.mapper->mapping();
}

void Announcer::Judge(const v1::RegisterRequest& request, bool reached) {
  const auto mapping = Mapped();
  if (!mapping || request.by_relay()) return;
  if (request.port() == static_cast<uint32_t>(mapping->port)) {
    if (!reached && mapping->proven) way_plan_.MappingDied();
    parts_.mapper->Judge(mapping->generation, reached);
  }
}

v1::RegisterRequest Announcer::MakeRequest(bool by_relay, bool try_mapped) {
  v1::RegisterRequest request;
  request.set_public_key(key_.bytes());
  request.set_port(static_cast<uint32_t>(options_.port));
  if (const auto mapping = Mapped(); mapping && (mapping->proven || try_mapped)) {
    request.set_port(static_cast<uint32_t>(mapping->port));
  }
  request.set_advertised_address(options_.advertised_address);
  request.set_policy(options_.policy == SharePolicy::kMove ? v1::SHARE_POLICY_MOVE
                                                           : v1::SHARE_POLICY_COPY);
  const UploadLoad load = parts_.upload_load();
  request.set_upload_slots(static_cast<uint32_t>(load.slots));
  request.set_upload_limit(load.limit);
  const uint32_t last_peer_id = GetState().peer_id;
  request.set_requested_peer_id(last_peer_id != 0 ? last_peer_id : options_.first_peer_id);
  request.set_registration_id(parts_.gate->Begin());
  request.set_keep_session(true);
  request.set_takes_calls(parts_.calls != nullptr);
  request.set_by_relay(by_relay);
  return request;
}

absl::StatusOr<v1::RegisterResponse> Announcer::RegisterOneWay(bool by_relay) {
  const v1::RegisterRequest request = MakeRequest(by_relay);
  if (by_relay) {
    UseRelay();
    parts_.calls->Answer(request.registration_id());
  }
  absl::StatusOr<v1::RegisterResponse> response = parts_.index->Register(request);
  if (!response.ok()) return response;
  relay_port_ = parts_.calls == nullptr ? 0 : response->relay_port();
  Judge(request, response->reachability().reachable());
  return response;
}

bool Announcer::MayBeCarried(const v1::RegisterResponse::Reachability& reachability) const {
  // A role that lists no books needs no way.
  return relay_port_ != 0 && !options_.listens_on_loopback &&
         reachability.reason() != "ROLE_FORBIDS";
}

absl::StatusOr<v1::RegisterResponse> Announcer::RegisterByRelay() {
  const uint32_t port = relay_port_;
  absl::StatusOr<v1::RegisterResponse> response = RegisterOneWay(/*by_relay=*/true);
  const bool moved = response.ok() && relay_port_ != 0 && relay_port_ != port;
  if (!moved || response->reachability().reachable()) return response;
  return RegisterOneWay(/*by_relay=*/true);
}

absl::Status Announcer::Register() {
  absl::StatusOr<v1::RegisterResponse> response =
      by_relay_ ? RegisterByRelay() : RegisterOneWay(/*by_relay=*/false);
  const bool reachable = response.ok() && response->reachability().reachable();
  // An index that is away does not show that its relay has gone.
  const bool keeps = reachable || (!response.ok() && IsFailureOfIndex(response.status()));
  const bool first_by_relay = std::exchange(by_relay_, by_relay_ && keeps);
  if (!response.ok()) return response.status();
  if (!reachable && (first_by_relay || MayBeCarried(response->reachability()))) {
    absl::StatusOr<v1::RegisterResponse> other = RegisterOneWay(/*by_relay=*/!first_by_relay);
    if (other.ok()) {
      // The remedy is at this peer's port first, and not at the relay.
      const bool neither = !first_by_relay && !other->reachability().reachable();
      if (neither) *other->mutable_reachability() = response->reachability();
      response = std::move(other);
    }
  }
  Adopt(*response);
  return absl::OkStatus();
}

void Announcer::Adopt(const v1::RegisterResponse& response) {
  lease_ = DurationFromProto(response.lease(), "lease").value_or(kMinLease);
  numbers_.Check(parts_.index->address(), response.largest_listing_number());
  // The feed begins before the session can be used. A transfer may then call UpdateOwner with the
  // token, and what the library announces of that book must come after the snapshot.
  const std::vector<BookListing> library = parts_.library->feed().Start();
  statements_.Begin(response.max_books(), library);
  parts_.index->SetToken(response.session_token(), response.replicated());
  NoteRelay(response);
  NoteRegistered(response, library.size());
}

void Announcer::NoteRelay(const v1::RegisterResponse& response) {
  if (parts_.calls == nullptr) return;
  relay_port_ = response.relay_port();
  UseRelay();
  by_relay_ = response.reachability().way() == v1::WAY_RELAYED;
  const uint32_t kept = by_relay_ ? relay_port_ : 0;
  if (std::exchange(kept_relay_port_, kept) == kept) return;
  if (absl::Status s = parts_.ledger->session()->SetLastRelayPort(kept); !s.ok()) {
    LogWarning("relay_not_kept", {{"why", s}});
  }
}

void Announcer::Moved(uint32_t relay_port) {
  if (parts_.calls == nullptr || relay_port == 0) return;
  relay_port_ = relay_port;
  const std::string relay = RelayOf(parts_.index->RelayOfPort(relay_port_)).value_or("");
  if (relay == GetState().relay) return;
  UseRelay();
  state_.SetRelay(relay);
}

void Announcer::UseRelay() {
  parts_.calls->UseRelay(RelayOf(parts_.index->RelayOfPort(relay_port_)).value_or(""));
}

void Announcer::NoteRegistered(const v1::RegisterResponse& response, size_t books) {
  const std::string reachability = ReachabilityInWords(response, options_.listens_on_loopback);
  const uint32_t last_id = state_.Registered(response.peer_id(), response.address(), reachability);
  // An index without a relay does not say the way.
  const bool reached = response.reachability().reachable();
  const v1::Way way = response.reachability().way();
  state_.SetWay(reached && way == v1::WAY_UNSPECIFIED ? v1::WAY_DIRECT : way,
                RelayOf(parts_.index->RelayOfPort(response.relay_port())).value_or(""));
  const std::string why_not_first = parts_.index->WhyNotFirst();
  state_.SetNotes(why_not_first, statements_.Trouble());
  if (why_not_first.empty()) {
    return_timer_.Reached();
  } else {
    return_timer_.Unreachable(Now());
    LogWarning("not_the_first_index", {{"why", why_not_first}});
  }
  if (reached) {
    recheck_timer_.Reached();
  } else {
    recheck_timer_.Unreachable(Now());
  }
  way_plan_.Begin({.reached = reached,
                   .relayed = way == v1::WAY_RELAYED,
                   .may_be_carried = MayBeCarried(response.reachability())},
                  Now());
  // In a network where this peer can be dialled, no router is ever asked.
  const bool dialled = reached && way != v1::WAY_RELAYED;
  if (parts_.mapper != nullptr && !dialled) parts_.mapper->Start();
  if (!reachability.empty()) {
    LogWarning("not_reachable", {{"address", response.address()},
                                 {"reason", response.reachability().reason()},
                                 {"message", reachability}});
  }
  LogInfo("registered", {{"id", response.peer_id()},
                         {"address", response.address()},
                         {"relayed", response.reachability().way() == v1::WAY_RELAYED},
                         {"books", books},
                         {"lease", lease_}});
  if (last_id != response.peer_id()) {
    if (absl::Status s = parts_.ledger->session()->SetLastPeerId(response.peer_id()); !s.ok()) {
      LogWarning("peer_id_not_kept", {{"why", s}});
    }
  }
}

}  // namespace arkshare
