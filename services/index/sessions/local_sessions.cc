#include "services/index/sessions/local_sessions.h"

#include <memory>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/core/log.h"
#include "lib/rpc/host_port.h"
#include "services/index/sessions/session_rules.h"

namespace arkshare {
namespace {

// The registration of a session of the former process.
Sessions::Registration FormerRegistration(const PeerIds::Owned& former, const std::string& host,
                                          uint32_t relay_port) {
  Sessions::Registration registration;
  registration.proven = registration.keep = true;
  if (!former.session.advertised) registration.seen_at = host;
  if (former.session.takes_calls) registration.peer.relay_port = relay_port;
  registration.peer.peer_id = former.id;
  registration.peer.key = former.key;
  registration.peer.address = former.session.address;
  registration.peer.loopback = IsLoopbackHost(host);
  registration.peer.policy = former.session.policy;
  return registration;
}

}  // namespace

LocalSessions::LocalSessions(Options options, const Clock* clock, Catalog* catalog)
    : lease_(options.lease),
      relay_port_(options.relay_port),
      boot_id_(RandomBytes(kBootIdBytes)),
      clock_(clock),
      catalog_(catalog),
      table_(lease_),
      kept_(std::move(options.peer_ids), lease_, clock_->Monotonic()) {}

uint64_t LocalSessions::NextOrder() {
  MutexLock lock(&mutex_);
  return next_order_++;
}

absl::StatusOr<Sessions::Registered> LocalSessions::RegisterNow(Registration registration) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  ExpireLocked(after_unlock);
  std::optional<OlderSession> older;
  if (const PeerSessionPtr session = table_.FindByKey(registration.peer.key)) {
    older = {session->order, session->address, session->proven};
  }
  if (absl::Status s = CheckRegistration(registration, older); !s.ok()) return s;
  registration.peer.peer_id = ChooseIdLocked(registration.peer.key, registration.peer.peer_id);
  const PeerSessionPtr session =
      BeginLocked(std::move(registration), ToHex(RandomBytes(kTokenBytes)), after_unlock);
  return Registered{session->peer_id, session->token, session->books.shelf()->largest_earlier};
}

std::optional<ReachedPeer> LocalSessions::FindRival(const PublicKey& key,
                                                    const std::string& address) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  ExpireLocked(after_unlock);
  return reached_.FindRival(key, address);
}

PeerSessionPtr LocalSessions::BeginLocked(Registration registration, std::string token,
                                          AfterUnlock& after_unlock) {
  const PeerInfo& peer = registration.peer;
  if (const PeerSessionPtr older = table_.FindByKey(peer.key)) {
    EndLocked(older, SessionSuperseded(), after_unlock);
  }
  auto session = std::make_shared<PeerSession>(catalog_, catalog_->Open(peer, registration.proven));
  session->order = registration.order;
  session->token = std::move(token);
  session->key = peer.key;
  session->peer_id = peer.peer_id;
  session->address = peer.address;
  session->proven = registration.proven;
  session->seen_at = std::move(registration.seen_at);
  table_.Add(session, clock_->Monotonic());
  if (!session->proven) return session;

  session->kept = registration.keep;
  std::optional<KeptSession> kept;
  if (registration.keep) {
    kept = {HashOfToken(session->token), peer.policy, peer.address,
            session->seen_at.empty() && !peer.address.empty(), peer.relay_port != 0};
  }
  kept_.Remember(session->key, session->peer_id, std::move(kept));
  reached_.Add({session->key, session->address, session->order}, clock_->Monotonic());
  return session;
}

// As after a broken stream, the token is proof enough, and the peer is at the address where it was
// reached.
PeerSessionPtr LocalSessions::TakeBackLocked(const std::string& token, AfterUnlock& after_unlock) {
  const std::optional<PeerIds::Owned> former = kept_.Find(token);
  if (!former.has_value()) return nullptr;
  const PeerSessionPtr taken = table_.FindById(former->id);
  if (taken != nullptr && taken->key != former->key) return nullptr;
  std::string host;
  if (former->session.address.empty()) {
    // Without a relay, it is reached in no way.
    if (relay_port_ == 0) return nullptr;
  } else {
    const absl::StatusOr<HostPort> address = ParseHostPort(former->session.address);
    if (!address.ok()) return nullptr;
    host = address->host;
  }
  Registration registration = FormerRegistration(*former, host, relay_port_);
  registration.order = next_order_++;
  PeerSessionPtr session = BeginLocked(std::move(registration), token, after_unlock);
  session->stating = false;
  kept_.TakenBack(clock_->Monotonic());
  after_unlock.Do([peer_id = session->peer_id] { LogInfo("taken_back", {{"peer", peer_id}}); });
  return session;
}

absl::StatusOr<Sessions::StreamStart> LocalSessions::OpenStreamNow(const std::string& token,
                                                                   const std::string& host,
                                                                   EndStream end_stream,
                                                                   TellReached tell) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  absl::StatusOr<PeerSessionPtr> found = FindLocked(token, after_unlock);
  if (!found.ok()) {
    PeerSessionPtr session = TakeBackLocked(token, after_unlock);
    if (session == nullptr) return found.status();
    found = std::move(session);
  }
  PeerSession& session = **found;
  if (absl::Status s = CheckHost(session.seen_at, host); !s.ok()) return s;
  if (session.end_stream) {
    after_unlock.Do([end = std::move(session.end_stream)] { end(StreamReplaced()); });
  }
  session.stream_id = next_stream_++;
  session.end_stream = std::move(end_stream);
  session.tell = std::move(tell);
  if (!session.answering && session.tell) after_unlock.Do([tell = session.tell] { tell(false); });
  session.lease_holds = 0;
  table_.Renew(session, clock_->Monotonic());
  catalog_->SetStreaming(session.books.shelf(), true);
  return StreamStart{session.stream_id, session.books.applied()};
}

void LocalSessions::HoldLease(const std::string& token, uint64_t stream_id) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  const PeerSessionPtr session = FindStreamLocked(token, stream_id, after_unlock);
  if (session != nullptr) ++session->lease_holds;
}

void LocalSessions::ReleaseLease(const std::string& token, uint64_t stream_id) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  const PeerSessionPtr session = FindStreamLocked(token, stream_id, after_unlock);
  if (session == nullptr) return;
  --session->lease_holds;
  // The message may have waited for a long time, but the peer was not silent.
  table_.Renew(*session, clock_->Monotonic());
}

// A stream that is replaced while its message waits here does no harm: the next stream repeats the
// statements, and they count once.
absl::StatusOr<Sessions::Applied> LocalSessions::ApplyNow(const std::string& token,
                                                          uint64_t stream_id,
                                                          const Announcement& announcement) {
  PeerSessionPtr session;
  {
    AfterUnlock after_unlock;
    MutexLock lock(&mutex_);
    absl::StatusOr<PeerSessionPtr> found = FindLocked(token, after_unlock);
    if (!found.ok()) return found.status();
    session = *std::move(found);
    if (session->stream_id != stream_id || !session->end_stream) {
      return StreamReplaced();
    }
    session->stating = true;
    const absl::Time now = clock_->Monotonic();
    table_.Renew(*session, now);
    for (const PublicKey& silent : announcement.silent) {
      if (!session->reports.Pay(now)) break;
      reached_.Report(silent, now);
    }
  }
  // The session may end from here on, which closes its shelf.
  const absl::StatusOr<uint64_t> acknowledged = session->books.Apply(announcement);
  if (!acknowledged.ok()) return acknowledged.status();
  return Applied{*acknowledged, 0};
}

std::optional<ReachedPeer> LocalSessions::BeginReachCheck() {
  MutexLock lock(&mutex_);
  return reached_.BeginCheck(clock_->Monotonic());
}

void LocalSessions::EndReachCheck(const ReachedPeer& checked, bool answered) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  const std::optional<bool> changed = reached_.EndCheck(checked, answered, clock_->Monotonic());
  if (!changed.has_value()) return;
  const PeerSessionPtr session = table_.FindByKey(checked.key);
  session->answering = *changed;
  catalog_->SetAnswering(session->books.shelf(), session->answering);
  after_unlock.Do([peer = session->peer_id, address = session->address, reached = *changed,
                   tell = session->tell] {
    LogInfo("reach_changed", {{"peer", peer}, {"address", address}, {"reached", reached}});
    if (tell) tell(reached);
  });
}

void LocalSessions::CloseStream(const std::string& token, uint64_t stream_id,
                                std::function<void()> done) {
  AfterUnlock after_unlock;
  after_unlock.Do(std::move(done));
  MutexLock lock(&mutex_);
  const PeerSessionPtr session = FindStreamLocked(token, stream_id, after_unlock);
  if (session == nullptr) return;
  session->end_stream = nullptr;
  session->tell = nullptr;
  // Messages that wait are not applied any more; from now on the peer is silent.
  if (std::exchange(session->lease_holds, 0) > 0) table_.Renew(*session, clock_->Monotonic());
  catalog_->SetStreaming(session->books.shelf(), false);
}

absl::StatusOr<PublicKey> LocalSessions::KeyOfNow(const std::string& token) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  const absl::StatusOr<PeerSessionPtr> found = FindLocked(token, after_unlock);
  if (!found.ok()) return found.status();
  return (*found)->key;
}

absl::StatusOr<Sessions::Recorded> LocalSessions::UpdateOwnerNow(
    const std::string& token, absl::Span<const OwnerChange> changes) {
  while (true) {
    Catalog::ShelfPtr shelf;
    {
      AfterUnlock after_unlock;
      MutexLock lock(&mutex_);
      const absl::StatusOr<PeerSessionPtr> found = FindLocked(token, after_unlock);
      if (!found.ok()) return found.status();
      if (!(*found)->stating) return SessionUnknown();
      shelf = (*found)->books.shelf();
    }
    std::vector<absl::Status> statuses = catalog_->UpdateOwner(shelf, changes);
    if (statuses.size() == changes.size()) return Recorded{std::move(statuses), 0};
    // The session has ended meanwhile; the next round returns why.
  }
}

void LocalSessions::Unregister(const std::string& token, std::function<void(absl::Status)> done) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  absl::StatusOr<PeerSessionPtr> found = FindLocked(token, after_unlock);
  if (!found.ok()) found = TakeBackLocked(token, after_unlock);
  if (found.ok() && *found != nullptr) {
    after_unlock.Do([peer_id = (*found)->peer_id] {
      LogInfo("unregistered", {{"peer", peer_id}});
    });
    EndLocked(*found, absl::OkStatus(), after_unlock);
  }
  after_unlock.Do([done = std::move(done)] { done(absl::OkStatus()); });
}

void LocalSessions::EndOf(const PublicKey& key, const absl::Status& why) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  kept_.Drop(key);
  const PeerSessionPtr session = table_.FindByKey(key);
  if (session == nullptr) return;
  after_unlock.Do([peer_id = session->peer_id, why] {
    LogInfo("session_ended", {{"peer", peer_id}, {"why", why}});
  });
  EndLocked(session, why, after_unlock);
}

absl::Duration LocalSessions::Expire() {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  ExpireLocked(after_unlock);
  return table_.NextLapse(clock_->Monotonic());
}

std::optional<std::string> LocalSessions::TakeChangedIds() {
  MutexLock lock(&mutex_);
  return kept_.TakeChanged();
}

void LocalSessions::IdsNotSaved() {
  MutexLock lock(&mutex_);
  kept_.NotSaved();
}

absl::StatusOr<PeerSessionPtr> LocalSessions::FindLocked(const std::string& token,
                                                         AfterUnlock& after_unlock) {
  ExpireLocked(after_unlock);
  if (PeerSessionPtr session = table_.FindByToken(token)) return session;
  return superseded_.Contains(token) ? SessionSuperseded() : SessionUnknown();
}

PeerSessionPtr LocalSessions::FindStreamLocked(const std::string& token, uint64_t stream_id,
                                               AfterUnlock& after_unlock) {
  absl::StatusOr<PeerSessionPtr> found = FindLocked(token, after_unlock);
  if (!found.ok() || (*found)->stream_id != stream_id || !(*found)->end_stream) return nullptr;
  return *std::move(found);
}

uint32_t LocalSessions::ChooseIdLocked(const PublicKey& key, uint32_t requested) const {
  const auto is_free = [&](uint32_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const PeerSessionPtr session = table_.FindById(id);
    return session == nullptr ? !kept_.IsReserved(id, key) : session->key == key;
  };
  const auto next_unused = [&](uint32_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (kept_.HasOwner(id)) ++id;
    return id;
  };
  NumberFacts facts{is_free, next_unused, std::nullopt, kept_.IdOf(key)};
  if (const PeerSessionPtr older = table_.FindByKey(key)) facts.current = older->peer_id;
  return ChooseNumber(requested, facts);
}

void LocalSessions::EndLocked(const PeerSessionPtr& session, const absl::Status& why,
                              AfterUnlock& after_unlock) {
  catalog_->Close(session->books.shelf());
  table_.Remove(session);
  reached_.Remove(session->key);
  if (session->kept) kept_.Drop(session->key);
  if (GetReason(why) == Reason::kSessionSuperseded) superseded_.Add(session->token);
  if (session->end_stream) {
    after_unlock.Do([end = std::move(session->end_stream), why] { end(why); });
    session->end_stream = nullptr;
    session->tell = nullptr;
  }
}

void LocalSessions::ExpireLocked(AfterUnlock& after_unlock) {
  const absl::Time now = clock_->Monotonic();
  kept_.DropTooLate(now, [&](const PublicKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const PeerSessionPtr session = table_.FindByKey(key);
    return session != nullptr && session->kept;
  });
  while (const PeerSessionPtr session = table_.FindLapsed(now)) {
    ++lapsed_count_;
    after_unlock.Do([peer_id = session->peer_id] { LogInfo("lease_lapsed", {{"peer", peer_id}}); });
    EndLocked(session, SessionUnknown(), after_unlock);
  }
}

}  // namespace arkshare
