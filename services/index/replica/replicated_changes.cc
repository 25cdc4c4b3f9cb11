// ReplicatedSessions: registrations and moves.
#include <absl/container/flat_hash_map.h>

#include <algorithm>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "services/index/replica/replicated_sessions.h"
#include "services/index/sessions/kept_sessions.h"
#include "services/index/sessions/session_rules.h"

namespace arkshare {
namespace {

constexpr int kMostTries = 8;
constexpr int kTokensKept = 4;  // of superseded sessions of a key
// The sources of the moves of one write; a write has one change for each, and few others.
constexpr size_t kMostSources = 90;
// The books of one write, which are less than half of its most bytes.
constexpr size_t kMostReceived = 500;

}  // namespace

// --- registrations

struct ReplicatedSessions::Attempt {
  Registration registration;
  std::string token;
  Done<Registered> done;
  int tries = 0;
  uint32_t number = 0;
  int64_t number_revision = 0;  // of the number's key, when it was chosen; 0: it had no key
  std::string value;            // of the session's key, as written last
};

void ReplicatedSessions::BeginRegistration(Done<uint64_t> done) {
  log_->Mark([done](const absl::StatusOr<int64_t>& reached) {
    if (!reached.ok()) return done(reached.status());
    done(static_cast<uint64_t>(*reached));
  });
}

void ReplicatedSessions::Register(Registration registration, Done<Registered> done) {
  auto attempt = std::make_shared<Attempt>();
  attempt->registration = std::move(registration);
  attempt->token = ToHex(RandomBytes(kTokenBytes));
  attempt->done = std::move(done);
  TryRegister(std::move(attempt));
}

void ReplicatedSessions::TryRegister(std::shared_ptr<Attempt> attempt) {
  const Registration& registration = attempt->registration;
  const PublicKey& key = registration.peer.key;
  SeatPtr seat;
  {
    MutexLock lock(&mutex_);
    seat = std::static_pointer_cast<Seat>(table_.FindByKey(key));
  }
  const auto again = [this, attempt](const absl::Status& ended) {
    if (!ended.ok()) return attempt->done(ended);
    TryRegister(attempt);
  };
  if (seat != nullptr && EndLapsed(seat, again)) return;

  const std::optional<SharedSession> older = roster_.Find(key);
  std::optional<OlderSession> facts;
  if (older.has_value()) {
    facts = {older->record.order(), older->record.address(), older->record.proven()};
  }
  if (absl::Status s = CheckRegistration(registration, facts); !s.ok()) return attempt->done(s);
  // The roster goes on meanwhile, so the guard of a number is what its choice was based on.
  absl::flat_hash_map<uint32_t, int64_t> revisions;
  const auto is_free = [&](uint32_t number) {
    const std::optional<Roster::Number> owner = roster_.OwnerOf(number);
    revisions[number] = owner.has_value() ? owner->revision : 0;
    if (!owner.has_value() || owner->key == key) return true;
    const std::optional<SharedSession> live = roster_.Find(owner->key);
    return !live.has_value() || live->record.peer_id() != number;
  };
  const auto is_remembered = [&](uint32_t number) {
    const std::optional<Roster::Number> owner = roster_.OwnerOf(number);
    return owner.has_value() && owner->key != key;
  };
  NumberFacts numbers{is_free, is_remembered, std::nullopt, roster_.NumberOf(key)};
  if (older.has_value()) numbers.current = older->record.peer_id();
  attempt->number = ChooseNumber(registration.peer.peer_id, numbers);
  // The number of an older session is chosen without a question.
  if (!revisions.contains(attempt->number)) is_free(attempt->number);
  attempt->number_revision = revisions[attempt->number];
  Write(attempt, older, numbers.last);
}

void ReplicatedSessions::Write(const std::shared_ptr<Attempt>& attempt,
                               const std::optional<SharedSession>& older,
                               std::optional<uint32_t> former_number) {
  const Registration& registration = attempt->registration;
  const PublicKey& key = registration.peer.key;
  replica::SessionRecord record;
  record.set_token_hash(DigestBytes(HashOfToken(attempt->token)));
  record.set_peer_id(attempt->number);
  record.set_address(registration.peer.address);
  record.set_seen_at(registration.seen_at);
  record.set_policy(registration.peer.policy);
  record.set_proven(registration.proven);
  record.set_order(registration.order);
  if (registration.peer.loopback) record.set_loopback_scope(scope_);
  record.set_takes_calls(registration.peer.relay_port != 0);
  if (older.has_value()) {
    record.add_superseded_token_hashes(older->record.token_hash());
    for (const std::string& hash : older->record.superseded_token_hashes()) {
      if (record.superseded_token_hashes_size() >= kTokensKept) break;
      record.add_superseded_token_hashes(hash);
    }
  }
  replica::ClaimRecord claim;
  claim.set_replica(log_->replica());
  claim.set_free_slots(registration.peer.free_slots);
  claim.set_upload_limit(registration.peer.upload_limit);
  replica::NumberRecord number;
  number.set_public_key(key.bytes());
  attempt->value = record.SerializeAsString();

  SharedLog::Write write;
  write.guards = {{SessionKey(key), older.has_value() ? older->epoch : 0},
                  {NumberKey(attempt->number), attempt->number_revision}};
  write.changes = {{SessionKey(key), attempt->value},
                   {ClaimKey(key), claim.SerializeAsString()},
                   {NumberKey(attempt->number), number.SerializeAsString()}};
  if (former_number.has_value() && *former_number != attempt->number) {
    write.changes.push_back({NumberKey(*former_number), std::nullopt});
  }
  write.chain = key.hex();
  log_->Commit(std::move(write),
               [this, attempt](const auto& outcome) { Registering(attempt, outcome); });
}

void ReplicatedSessions::Registering(const std::shared_ptr<Attempt>& attempt,
                                     const absl::StatusOr<SharedLog::Outcome>& outcome) {
  if (!outcome.ok()) return attempt->done(outcome.status());
  // The answer to an earlier try of the same write may have been lost.
  if (!outcome->made && outcome->found[0].value != attempt->value) {
    if (++attempt->tries < kMostTries) return TryRegister(attempt);
    return attempt->done(MakeError(Reason::kLimitExceeded, "too many peers register now: try again",
                                   {}, absl::Seconds(1)));
  }
  const int64_t epoch = outcome->made ? outcome->revision : outcome->found[0].revision;
  const std::optional<SharedSession> session = roster_.Find(attempt->registration.peer.key);
  uint64_t largest = 0;
  // It may have been superseded at once.
  if (session.has_value() && session->epoch == epoch) {
    largest = session->shelf->largest_earlier;
    MutexLock lock(&mutex_);
    SitLocked(*session, attempt->token);
  }
  attempt->done(Registered{attempt->number, attempt->token, largest});
}

// --- moves

struct ReplicatedSessions::Recording {
  std::string token;
  SharedSession session;
  absl::Span<const OwnerChange> changes;
  Recorded recorded;
  size_t next = 0;  // the first change that is not written yet
  Done<Recorded> done;
};

void ReplicatedSessions::UpdateOwner(const std::string& token,
                                     absl::Span<const OwnerChange> changes, Done<Recorded> done) {
  Look(token, [this, token, changes, done](const absl::StatusOr<SharedSession>& found) {
    if (!found.ok()) return done(found.status());
    auto recording = std::make_shared<Recording>();
    recording->token = token;
    recording->session = *found;
    recording->changes = changes;
    recording->recorded.statuses = catalog_->CheckReceived(found->shelf, changes);
    recording->recorded.revision = static_cast<uint64_t>(log_->applied());
    recording->done = done;
    RecordSome(std::move(recording));
  });
}

void ReplicatedSessions::RecordSome(std::shared_ptr<Recording> recording) {
  const SharedSession& session = recording->session;
  replica::PageRecord page;
  absl::flat_hash_map<PublicKey, replica::GraveRecord> graves;
  for (size_t& i = recording->next; i < recording->changes.size(); ++i) {
    const OwnerChange& change = recording->changes[i];
    const absl::Status& status = recording->recorded.statuses[i];
    if (GetReason(status) == Reason::kInvalidField) continue;
    if (graves.size() >= kMostSources || page.statements_size() >= int{kMostReceived}) break;
    graves[change.source].add_listing_numbers(change.source_listing);
    replica::PageRecord::Origin& origin = *page.add_origins();
    origin.set_public_key(change.source.bytes());
    origin.set_listing_number(change.source_listing);
    if (!status.ok()) continue;
    page.add_statements(EncodeStatement(change.receiver));
    origin.set_statement(static_cast<uint32_t>(page.statements_size()));
  }
  if (graves.empty()) return recording->done(std::move(recording->recorded));

  SharedLog::Write write;
  write.guards.push_back({SessionKey(session.key), session.epoch});
  // An unproven receiver is not listed; the owner of the source has signed the move all the same.
  if (session.record.proven()) {
    write.changes.push_back({PageKey(session.key, session.epoch, log_->replica(), next_page_++),
                             page.SerializeAsString()});
  }
  for (const auto& [source, grave] : graves) {
    write.changes.push_back(
        {GraveKey(source, log_->replica(), next_page_++), grave.SerializeAsString()});
  }
  write.chain = session.key.hex();
  log_->Commit(
      std::move(write), [this, recording](const absl::StatusOr<SharedLog::Outcome>& outcome) {
        if (!outcome.ok()) return recording->done(outcome.status());
        if (!outcome->made) {
          return Look(recording->token, [recording](const auto& found) {
            if (!found.ok()) return recording->done(found.status());
            recording->done(MakeError(Reason::kSessionUnknown, "the session has begun again"));
          });
        }
        recording->recorded.revision = static_cast<uint64_t>(outcome->revision);
        RecordSome(recording);
      });
}

}  // namespace arkshare
