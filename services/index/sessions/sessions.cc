#include "services/index/sessions/sessions.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/core/log.h"
#include "lib/core/merkle.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

constexpr size_t kTokenBytes = 32;
// A session can report this many silent peers at once, and then one in this time.
constexpr int kMostReports = 16;
constexpr absl::Duration kReportPrice = absl::Seconds(5);

absl::Status SessionUnknown() {
  return MakeError(Reason::kSessionUnknown,
                   "this index does not know the session: register again after a random delay");
}

absl::Status SessionSuperseded() {
  return MakeError(Reason::kSessionSuperseded,
                   "a peer with the same key has registered since: only one of them may run");
}

Sha256Digest HashOf(const std::string& token) {
  return Sha256({reinterpret_cast<const uint8_t*>(token.data()), token.size()});
}

}  // namespace

struct Sessions::Session {
  uint64_t order = 0;
  std::string token;
  PublicKey key;
  uint32_t peer_id = 0;
  std::string address;
  bool proven = false;
  bool answering = true;  // as the last reach checks have found
  std::string seen_at;    // of Registration
  bool kept = false;      // in peer_ids_
  bool stating = true;    // false after it was taken back, until its first message
  Catalog::ShelfPtr shelf;
  absl::Time deadline;
  size_t lease_holds = 0;  // of the open stream
  uint64_t stream_id = 0;
  EndStream end_stream;  // empty when no stream is open
  TellReached tell;
  absl::Time reports_paid_at = absl::InfinitePast();
  // Held while a message of the session is applied, so that its messages are applied in order and
  // no other session waits for them.
  Mutex applying;
  std::atomic<uint64_t> applied = 0;  // the last statement's number
};

// Must be declared before the lock, so that it is destroyed after it.
class Sessions::AfterUnlock {
 public:
  ~AfterUnlock() {
    for (const std::function<void()>& action : actions_) action();
  }
  void Do(std::function<void()> action) { actions_.push_back(std::move(action)); }

 private:
  std::vector<std::function<void()>> actions_;
};

Sessions::Sessions(Options options, const Clock* clock, Catalog* catalog)
    : lease_(options.lease),
      clock_(clock),
      catalog_(catalog),
      peer_ids_(std::move(options.peer_ids)),
      taking_back_(peer_ids_.has_value()),
      take_back_until_(clock_->Monotonic() + lease_) {}

uint64_t Sessions::BeginRegistration() {
  MutexLock lock(&mutex_);
  return next_order_++;
}

absl::StatusOr<Sessions::Registered> Sessions::Register(Registration registration) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  ExpireLocked(after_unlock);
  const auto known = by_key_.find(registration.peer.key);
  const SessionPtr older = known == by_key_.end() ? nullptr : known->second;
  if (older != nullptr && !registration.proven && !registration.owned) {
    return MakeError(Reason::kKeyInUse,
                     "a peer with this key is here already, and you could not be reached to prove "
                     "that you are it: stop the other one, or wait until its lease has lapsed");
  }
  // A session that has not proven the key can be replaced by any registration.
  if (older != nullptr && (older->proven || registration.owned) &&
      older->order > registration.order) {
    return SessionSuperseded();
  }
  if (older != nullptr && older->proven && !registration.owned &&
      older->address != registration.peer.address && older->order != registration.absent) {
    return MakeError(Reason::kKeyInUse, "another peer with this key registers now; try again");
  }

  registration.peer.peer_id = ChooseIdLocked(registration.peer.key, registration.peer.peer_id);
  const SessionPtr session =
      BeginLocked(std::move(registration), ToHex(RandomBytes(kTokenBytes)), after_unlock);
  return Registered{session->peer_id, session->token, session->shelf->largest_earlier};
}

std::optional<Sessions::Rival> Sessions::FindRival(const PublicKey& key,
                                                   const std::string& address) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  ExpireLocked(after_unlock);
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return std::nullopt;
  const Session& older = *known->second;
  if (!older.proven || older.address == address) return std::nullopt;
  return Rival{older.address, older.order};
}

Sessions::SessionPtr Sessions::BeginLocked(Registration registration, std::string token,
                                           AfterUnlock& after_unlock) {
  PeerInfo& peer = registration.peer;
  if (const auto older = by_key_.find(peer.key); older != by_key_.end()) {
    EndLocked(SessionPtr(older->second), SessionSuperseded(), after_unlock);
  }
  auto session = std::make_shared<Session>();
  session->order = registration.order;
  session->token = std::move(token);
  session->key = peer.key;
  session->peer_id = peer.peer_id;
  session->address = peer.address;
  session->proven = registration.proven;
  session->seen_at = std::move(registration.seen_at);
  if (peer_ids_.has_value() && registration.proven) {
    session->kept = registration.keep;
    std::optional<KeptSession> kept;
    if (registration.keep) {
      kept = {HashOf(session->token), peer.policy, peer.address, session->seen_at.empty()};
    }
    ids_changed_ = ids_changed_ || peer_ids_->IdOf(peer.key) != peer.peer_id ||
                   peer_ids_->SessionOf(peer.key) != kept;
    // Even when nothing changed, because the peer was seen again.
    peer_ids_->Remember(peer.key, peer.peer_id, std::move(kept));
  }
  session->shelf = catalog_->Open(std::move(peer), registration.proven);
  by_token_[session->token] = session;
  by_key_[session->key] = session;
  by_id_[session->peer_id] = session;
  if (session->proven) reach_checks_.Add(session->key, clock_->Monotonic());
  RenewLocked(*session);
  return session;
}

// As after a broken stream, the token is proof enough, and the peer is at the address where it was
// reached.
Sessions::SessionPtr Sessions::TakeBackLocked(const std::string& token, AfterUnlock& after_unlock) {
  if (!taking_back_) return nullptr;
  const std::optional<PeerIds::Owned> kept = peer_ids_->FindSession(HashOf(token));
  if (!kept.has_value()) return nullptr;
  if (const auto taken = by_id_.find(kept->id);
      taken != by_id_.end() && taken->second->key != kept->key) {
    return nullptr;
  }
  const absl::StatusOr<HostPort> address = ParseHostPort(kept->session.address);
  if (!address.ok()) return nullptr;
  Registration registration;
  registration.order = next_order_++;
  registration.proven = registration.keep = true;
  if (!kept->session.advertised) registration.seen_at = address->host;
  registration.peer.peer_id = kept->id;
  registration.peer.key = kept->key;
  registration.peer.address = kept->session.address;
  registration.peer.loopback = IsLoopbackHost(address->host);
  registration.peer.policy = kept->session.policy;
  const SessionPtr session = BeginLocked(std::move(registration), token, after_unlock);
  session->stating = false;
  // Others may be on their way, and a crowd may take longer than a lease.
  take_back_until_ = clock_->Monotonic() + lease_;
  after_unlock.Do([peer_id = session->peer_id] { LogInfo("taken_back", {{"peer", peer_id}}); });
  return session;
}

absl::StatusOr<Sessions::StreamStart> Sessions::OpenStream(const std::string& token,
                                                           const std::string& host,
                                                           EndStream end_stream, TellReached tell) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  absl::StatusOr<SessionPtr> found = FindLocked(token, after_unlock);
  if (!found.ok()) {
    SessionPtr session = TakeBackLocked(token, after_unlock);
    if (session == nullptr) return found.status();
    found = std::move(session);
  }
  Session& session = **found;
  if (!session.seen_at.empty() && session.seen_at != host) {
    return MakeError(Reason::kSessionUnknown,
                     absl::StrCat("you registered from ", session.seen_at, " and come from ", host,
                                  " now: register again, so that others find you"));
  }
  if (session.end_stream) {
    after_unlock.Do([end = std::move(session.end_stream)] {
      end(MakeError(Reason::kStreamReplaced, "a newer Announce stream took this one's place"));
    });
  }
  session.stream_id = next_stream_++;
  session.end_stream = std::move(end_stream);
  session.tell = std::move(tell);
  if (!session.answering && session.tell) after_unlock.Do([tell = session.tell] { tell(false); });
  session.lease_holds = 0;
  RenewLocked(session);
  catalog_->SetStreaming(session.shelf, true);
  return StreamStart{session.stream_id, session.applied};
}

void Sessions::HoldLease(const std::string& token, uint64_t stream_id) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  if (const SessionPtr session = FindStreamLocked(token, stream_id, after_unlock))
    ++session->lease_holds;
}

void Sessions::ReleaseLease(const std::string& token, uint64_t stream_id) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  const SessionPtr session = FindStreamLocked(token, stream_id, after_unlock);
  if (session == nullptr) return;
  --session->lease_holds;
  // The message may have waited for a long time, but the peer was not silent.
  RenewLocked(*session);
}

// A stream that is replaced while its message waits here does no harm: the next stream repeats the
// statements, and they count once.
absl::StatusOr<uint64_t> Sessions::Apply(const std::string& token, uint64_t stream_id,
                                         const Announcement& announcement) {
  SessionPtr session;
  {
    AfterUnlock after_unlock;
    MutexLock lock(&mutex_);
    absl::StatusOr<SessionPtr> found = FindLocked(token, after_unlock);
    if (!found.ok()) return found.status();
    session = *std::move(found);
    if (session->stream_id != stream_id || !session->end_stream) {
      return MakeError(Reason::kStreamReplaced, "a newer Announce stream took this one's place");
    }
    session->stating = true;
    RenewLocked(*session);
    const absl::Time now = clock_->Monotonic();
    for (const PublicKey& silent : announcement.silent) {
      if (session->reports_paid_at - now > kMostReports * kReportPrice) break;
      session->reports_paid_at = std::max(session->reports_paid_at, now) + kReportPrice;
      reach_checks_.Report(silent, now);
    }
  }
  // The session may end from here on. The catalog ignores statements for a closed shelf.
  MutexLock applying(&session->applying);
  catalog_->SetLoad(session->shelf, announcement.free_slots, announcement.upload_limit);

  if (!announcement.statements.empty()) {
    const uint64_t next = session->applied + 1;
    if (announcement.first_sequence == 0) {
      return MakeError(Reason::kInvalidField, "first_sequence must be 1 or more");
    }
    if (announcement.first_sequence > next) {
      return MakeError(Reason::kSequenceGap,
                       absl::StrCat("statement ", next, " is missing: open a new stream and ",
                                    "repeat what it says is not acknowledged"));
    }
    // After a reset a peer repeats statements that were applied before. They count once.
    const uint64_t repeated = next - announcement.first_sequence;
    if (repeated < announcement.statements.size()) {
      const Catalog::Applied applied = catalog_->Apply(
          session->shelf, absl::MakeSpan(announcement.statements).subspan(repeated));
      session->applied += applied.count;
      if (!applied.status.ok()) return applied.status;
    }
  }
  if (announcement.snapshot_complete) catalog_->CompleteSnapshot(session->shelf);
  return session->applied.load();
}

std::optional<Sessions::ReachCheck> Sessions::BeginReachCheck() {
  MutexLock lock(&mutex_);
  const std::optional<PublicKey> key = reach_checks_.Begin(clock_->Monotonic());
  if (!key.has_value()) return std::nullopt;
  const Session& session = *by_key_.at(*key);
  return ReachCheck{session.key, session.address, session.order};
}

void Sessions::EndReachCheck(const ReachCheck& check, bool answered) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  const auto place = by_key_.find(check.key);
  // The key may have registered again meanwhile, which counts more.
  if (place == by_key_.end() || place->second->order != check.order) return;
  Session& session = *place->second;
  const std::optional<bool> changed = reach_checks_.Done(check.key, answered, clock_->Monotonic());
  if (!changed.has_value()) return;
  session.answering = *changed;
  catalog_->SetAnswering(session.shelf, session.answering);
  after_unlock.Do(
      [peer = session.peer_id, address = session.address, reached = *changed, tell = session.tell] {
        LogInfo("reach_changed", {{"peer", peer}, {"address", address}, {"reached", reached}});
        if (tell) tell(reached);
      });
}

void Sessions::CloseStream(const std::string& token, uint64_t stream_id) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  const SessionPtr session = FindStreamLocked(token, stream_id, after_unlock);
  if (session == nullptr) return;
  session->end_stream = nullptr;
  session->tell = nullptr;
  // Messages that wait are not applied any more; from now on the peer is silent.
  if (std::exchange(session->lease_holds, 0) > 0) RenewLocked(*session);
  catalog_->SetStreaming(session->shelf, false);
}

absl::StatusOr<PublicKey> Sessions::KeyOf(const std::string& token) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  const absl::StatusOr<SessionPtr> found = FindLocked(token, after_unlock);
  if (!found.ok()) return found.status();
  return (*found)->key;
}

absl::StatusOr<std::vector<absl::Status>> Sessions::UpdateOwner(
    const std::string& token, absl::Span<const OwnerChange> changes) {
  while (true) {
    Catalog::ShelfPtr shelf;
    {
      AfterUnlock after_unlock;
      MutexLock lock(&mutex_);
      const absl::StatusOr<SessionPtr> found = FindLocked(token, after_unlock);
      if (!found.ok()) return found.status();
      if (!(*found)->stating) return SessionUnknown();
      shelf = (*found)->shelf;
    }
    std::vector<absl::Status> statuses = catalog_->UpdateOwner(shelf, changes);
    if (statuses.size() == changes.size()) return statuses;
    // The session has ended meanwhile; the next round returns why.
  }
}

void Sessions::Unregister(const std::string& token) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  absl::StatusOr<SessionPtr> found = FindLocked(token, after_unlock);
  if (!found.ok()) found = TakeBackLocked(token, after_unlock);
  if (!found.ok() || *found == nullptr) return;
  after_unlock.Do([peer_id = (*found)->peer_id] { LogInfo("unregistered", {{"peer", peer_id}}); });
  EndLocked(*found, absl::OkStatus(), after_unlock);
}

void Sessions::EndOf(const PublicKey& key, const absl::Status& why) {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  if (peer_ids_.has_value()) ids_changed_ |= peer_ids_->DropSession(key);
  const auto place = by_key_.find(key);
  if (place == by_key_.end()) return;
  after_unlock.Do([peer_id = place->second->peer_id, why] {
    LogInfo("session_ended", {{"peer", peer_id}, {"why", why}});
  });
  EndLocked(SessionPtr(place->second), why, after_unlock);
}

absl::Duration Sessions::Expire() {
  AfterUnlock after_unlock;
  MutexLock lock(&mutex_);
  ExpireLocked(after_unlock);
  if (deadlines_.empty()) return lease_;
  return std::min(lease_, deadlines_.begin()->first - clock_->Monotonic());
}

std::optional<std::string> Sessions::TakeChangedIds() {
  MutexLock lock(&mutex_);
  if (!ids_changed_) return std::nullopt;
  ids_changed_ = false;
  return peer_ids_->Serialize();
}

void Sessions::IdsNotSaved() {
  MutexLock lock(&mutex_);
  ids_changed_ = true;
}

absl::StatusOr<Sessions::SessionPtr> Sessions::FindLocked(const std::string& token,
                                                          AfterUnlock& after_unlock) {
  ExpireLocked(after_unlock);
  const auto place = by_token_.find(token);
  if (place != by_token_.end()) return place->second;
  return superseded_.Contains(token) ? SessionSuperseded() : SessionUnknown();
}

Sessions::SessionPtr Sessions::FindStreamLocked(const std::string& token, uint64_t stream_id,
                                                AfterUnlock& after_unlock) {
  absl::StatusOr<SessionPtr> found = FindLocked(token, after_unlock);
  if (!found.ok() || (*found)->stream_id != stream_id || !(*found)->end_stream) return nullptr;
  return *std::move(found);
}

uint32_t Sessions::ChooseIdLocked(const PublicKey& key, uint32_t requested) const {
  const auto is_free = [&](uint32_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto place = by_id_.find(id);
    if (place != by_id_.end()) return place->second->key == key;
    const std::optional<PublicKey> owner =
        peer_ids_.has_value() ? peer_ids_->KeyOf(id) : std::nullopt;
    return !owner.has_value() || *owner == key || !peer_ids_->SessionOf(*owner).has_value();
  };
  if (requested != 0 && is_free(requested)) return requested;
  if (const auto older = by_key_.find(key); older != by_key_.end()) return older->second->peer_id;
  std::optional<uint32_t> last;
  if (peer_ids_.has_value()) last = peer_ids_->IdOf(key);
  if (last.has_value() && is_free(*last)) return *last;
  uint32_t id = 1;
  while ((peer_ids_.has_value() && peer_ids_->KeyOf(id).has_value()) || !is_free(id)) ++id;
  return id;
}

void Sessions::DropFormerSessionsLocked() {
  taking_back_ = false;
  const auto is_here = [&](const PublicKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto session = by_key_.find(key);
    return session != by_key_.end() && session->second->kept;
  };
  ids_changed_ |= peer_ids_->DropSessionsUnless(is_here);
}

void Sessions::RenewLocked(Session& session) {
  deadlines_.erase({session.deadline, &session});
  session.deadline = clock_->Monotonic() + lease_;
  deadlines_.insert({session.deadline, &session});
}

void Sessions::EndLocked(const SessionPtr& session, const absl::Status& why,
                         AfterUnlock& after_unlock) {
  catalog_->Close(session->shelf);
  deadlines_.erase({session->deadline, session.get()});
  by_token_.erase(session->token);
  by_key_.erase(session->key);
  by_id_.erase(session->peer_id);
  reach_checks_.Remove(session->key);
  if (session->kept) ids_changed_ |= peer_ids_->DropSession(session->key);
  if (GetReason(why) == Reason::kSessionSuperseded) {
    superseded_.Add(session->token);
  }
  if (session->end_stream) {
    after_unlock.Do([end = std::move(session->end_stream), why] { end(why); });
    session->end_stream = nullptr;
    session->tell = nullptr;
  }
}

void Sessions::ExpireLocked(AfterUnlock& after_unlock) {
  const absl::Time now = clock_->Monotonic();
  if (taking_back_ && now >= take_back_until_) DropFormerSessionsLocked();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const SessionPtr session = by_token_.at(deadlines_.begin()->second->token);
    if (session->lease_holds > 0) {
      RenewLocked(*session);
      continue;
    }
    ++lapsed_count_;
    after_unlock.Do([peer_id = session->peer_id] { LogInfo("lease_lapsed", {{"peer", peer_id}}); });
    EndLocked(session, SessionUnknown(), after_unlock);
  }
}

}  // namespace arkshare
