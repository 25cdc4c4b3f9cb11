#include "services/index/replica/lost_sessions.h"

#include <optional>

#include "services/index/replica/session_writes.h"
#include "services/index/sessions/session_rules.h"

namespace arkshare {

void LostSessions::Keep(SharedSession session, std::string token) {
  MutexLock lock(&mutex_);
  kept_.emplace_back(std::move(session), std::move(token));
}

void LostSessions::PutBackAll() {
  std::vector<std::pair<SharedSession, std::string>> kept;
  {
    MutexLock lock(&mutex_);
    kept.swap(kept_);
  }
  for (const auto& [session, token] : kept) {
    PutBack(session, [this, token = token](const absl::StatusOr<SharedSession>& again) {
      if (again.ok() && again->claim.replica() == log_->replica()) seats_->Sit(*again, token);
    });
  }
}

void LostSessions::PutBack(const SharedSession& session, Sessions::Done<SharedSession> done) {
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
  const std::optional<NumberOwner> owner = roster_.OwnerOf(session.record.peer_id());
  if (begun || other || (owner.has_value() && owner->key != session.key)) return done(here());
  replica::ClaimRecord claim;
  claim.set_replica(log_->replica());
  SharedLog::Write write = MakeBegin(
      session.key, session.record, claim,
      {restored.has_value() ? restored->epoch : 0, owner.has_value() ? owner->revision : 0});
  write.chain = session.key.hex();
  log_->Commit(std::move(write), [here, done](const absl::StatusOr<SharedLog::Outcome>& outcome) {
    done(outcome.ok() ? here() : outcome.status());
  });
}

}  // namespace arkshare
