#include "services/index/replica/session_writes.h"

#include <optional>

#include "services/index/replica/steps.h"

namespace arkshare {

SharedLog::Write MakeBegin(const PublicKey& key, const replica::SessionRecord& session,
                           const replica::ClaimRecord& claim, const BeginFacts& facts) {
  replica::NumberRecord number;
  number.set_public_key(key.bytes());
  SharedLog::Write write;
  write.guards = {{SessionKey(key), facts.older_epoch},
                  {NumberKey(session.peer_id()), facts.number_revision}};
  write.changes = {{SessionKey(key), session.SerializeAsString()},
                   {ClaimKey(key), claim.SerializeAsString()},
                   {NumberKey(session.peer_id()), number.SerializeAsString()}};
  return write;
}

SharedLog::Write MakeEnd(const SharedSession& session, bool guard_claim) {
  SharedLog::Write write;
  write.guards.push_back({SessionKey(session.key), session.epoch});
  if (guard_claim) write.guards.push_back({ClaimKey(session.key), session.claim_revision});
  write.changes.push_back({SessionKey(session.key), std::nullopt});
  write.changes.push_back({ClaimKey(session.key), std::nullopt});
  if (!session.record.proven()) {
    write.changes.push_back({NumberKey(session.record.peer_id()), std::nullopt});
  }
  return write;
}

}  // namespace arkshare
