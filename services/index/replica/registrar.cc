#include "services/index/replica/registrar.h"

#include <absl/container/flat_hash_map.h>
#include <absl/random/random.h>

#include "lib/core/errors.h"
#include "services/index/replica/session_writes.h"
#include "services/index/replica/steps.h"
#include "services/index/sessions/kept_sessions.h"
#include "services/index/sessions/session_rules.h"

namespace arkshare {
namespace {

constexpr int kMostTries = 8;
constexpr int kTokensKept = 4;  // of superseded sessions of a key

// Returns how many unused numbers a choice leaves out. After a try that another replica was faster
// than, both would choose the same numbers again and again, so this one chooses among as many as
// may be under way at both.
uint32_t Skip(int tries, size_t under_way) {
  if (tries == 0) return 0;
  const auto most = static_cast<uint32_t>(2 * under_way) + (2u << tries);
  return absl::Uniform<uint32_t>(absl::BitGen(), 0, most);
}

}  // namespace

struct Registrar::Attempt {
  Sessions::Registration registration;
  std::string token;
  Sessions::Done<Sessions::Registered> done;
  int tries = 0;
  uint32_t number = 0;
  int64_t number_revision = 0;  // of the number's key, when it was chosen; 0: it had no key
  std::optional<uint32_t> former_number;  // that the key had last
  std::string value;                      // of the session's key, as written last
};

void Registrar::Register(Sessions::Registration registration,
                         Sessions::Done<Sessions::Registered> done) {
  auto attempt = std::make_shared<Attempt>();
  attempt->registration = std::move(registration);
  attempt->token = ToHex(RandomBytes(kTokenBytes));
  attempt->done = std::move(done);
  Try(std::move(attempt));
}

void Registrar::Try(std::shared_ptr<Attempt> attempt) {
  const PublicKey& key = attempt->registration.peer.key;
  const auto again = [this, attempt](const absl::Status& ended) {
    if (!ended.ok()) return Answer(*attempt, ended);
    Try(attempt);
  };
  if (seats_->EndIfOver(key, again)) return;

  const std::optional<SharedSession> older = roster_.Find(key);
  std::optional<OlderSession> facts;
  if (older.has_value()) {
    facts = {older->record.order(), older->record.address(), older->record.proven()};
  }
  if (absl::Status s = CheckRegistration(attempt->registration, facts); !s.ok()) {
    return Answer(*attempt, s);
  }
  Choose(*attempt, older);
  Write(attempt, older);
}

void Registrar::Answer(Attempt& attempt, const absl::StatusOr<Sessions::Registered>& answer) {
  {
    MutexLock lock(&choosing_);
    ReleaseLocked(attempt);
  }
  attempt.done(answer);
}

void Registrar::ReleaseLocked(const Attempt& attempt) {
  const auto chosen = chosen_.find(attempt.number);
  if (chosen != chosen_.end() && chosen->second == &attempt) chosen_.erase(chosen);
}

void Registrar::Choose(Attempt& attempt, const std::optional<SharedSession>& older) {
  const PeerInfo& peer = attempt.registration.peer;
  MutexLock lock(&choosing_);
  ReleaseLocked(attempt);
  // The roster goes on meanwhile, so the guard of a number is what its choice was based on.
  absl::flat_hash_map<uint32_t, int64_t> revisions;
  const auto is_free = [&](uint32_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(choosing_) {
    const std::optional<NumberOwner> owner = roster_.OwnerOf(number);
    revisions[number] = owner.has_value() ? owner->revision : 0;
    if (chosen_.contains(number)) return false;
    if (!owner.has_value() || owner->key == peer.key) return true;
    const std::optional<SharedSession> live = roster_.Find(owner->key);
    return !live.has_value() || live->record.peer_id() != number;
  };
  uint32_t skip = Skip(attempt.tries, chosen_.size());
  const auto next_unused = [&](uint32_t number) {
    return roster_.NextUnused(roster_.NextUnused(number) + std::exchange(skip, 0));
  };
  NumberFacts numbers{is_free, next_unused, std::nullopt, roster_.NumberOf(peer.key)};
  if (older.has_value()) numbers.current = older->record.peer_id();
  attempt.former_number = numbers.last;
  attempt.number = ChooseNumber(peer.peer_id, numbers);
  // The number of an older session is chosen without a question.
  if (!revisions.contains(attempt.number)) is_free(attempt.number);
  attempt.number_revision = revisions[attempt.number];
  chosen_.emplace(attempt.number, &attempt);
}

replica::SessionRecord Registrar::MakeSession(const Attempt& attempt,
                                              const std::optional<SharedSession>& older) const {
  const Sessions::Registration& registration = attempt.registration;
  replica::SessionRecord session;
  session.set_token_hash(DigestBytes(HashOfToken(attempt.token)));
  session.set_peer_id(attempt.number);
  session.set_address(registration.peer.address);
  session.set_seen_at(registration.seen_at);
  session.set_policy(registration.peer.policy);
  session.set_proven(registration.proven);
  session.set_order(registration.order);
  if (registration.peer.loopback) session.set_loopback_scope(scope_);
  session.set_takes_calls(registration.peer.relay_port != 0);
  if (older.has_value()) {
    session.add_superseded_token_hashes(older->record.token_hash());
    for (const std::string& hash : older->record.superseded_token_hashes()) {
      if (session.superseded_token_hashes_size() >= kTokensKept) break;
      session.add_superseded_token_hashes(hash);
    }
  }
  return session;
}

void Registrar::Write(const std::shared_ptr<Attempt>& attempt,
                      const std::optional<SharedSession>& older) {
  const PeerInfo& peer = attempt->registration.peer;
  const replica::SessionRecord session = MakeSession(*attempt, older);
  attempt->value = session.SerializeAsString();
  replica::ClaimRecord claim;
  claim.set_replica(log_->replica());
  claim.set_free_slots(peer.free_slots);
  claim.set_upload_limit(peer.upload_limit);
  SharedLog::Write write = MakeBegin(
      peer.key, session, claim, {older.has_value() ? older->epoch : 0, attempt->number_revision});
  const std::optional<uint32_t> former = attempt->former_number;
  if (former.has_value() && *former != attempt->number) {
    write.changes.push_back({NumberKey(*former), std::nullopt});
  }
  write.chain = peer.key.hex();
  log_->Commit(std::move(write),
               [this, attempt](const absl::StatusOr<SharedLog::Outcome>& outcome) {
                 Written(attempt, outcome);
               });
}

void Registrar::Written(const std::shared_ptr<Attempt>& attempt,
                        const absl::StatusOr<SharedLog::Outcome>& outcome) {
  if (!outcome.ok()) return Answer(*attempt, outcome.status());
  // The answer to an earlier try of the same write may have been lost.
  if (!outcome->made && outcome->found[0].value != attempt->value) {
    if (++attempt->tries < kMostTries) return Try(attempt);
    return Answer(*attempt,
                  MakeError(Reason::kLimitExceeded, "too many peers register now: try again", {},
                            absl::Seconds(1)));
  }
  const int64_t epoch = outcome->made ? outcome->revision : outcome->found[0].revision;
  const std::optional<SharedSession> session = roster_.Find(attempt->registration.peer.key);
  uint64_t largest = 0;
  // It may have been superseded at once.
  if (session.has_value() && session->epoch == epoch) {
    largest = session->shelf->largest_earlier;
    seats_->Sit(*session, attempt->token);
  }
  Answer(*attempt, Sessions::Registered{attempt->number, attempt->token, largest});
}

}  // namespace arkshare
