// The writes that begin and end a session in the log.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_SESSION_WRITES_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_SESSION_WRITES_H_

#include <cstdint>

#include "arkshare/replica/records.pb.h"
#include "lib/core/key.h"
#include "services/index/replica/roster.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// The revisions that the begin of a session was decided on; 0: the key is absent.
struct BeginFacts {
  int64_t older_epoch = 0;      // of the key's session
  int64_t number_revision = 0;  // of the number of the new one
};
// Begins a session of the key, with its claim and its number. The first guard and the first change
// are those of the session. Of no chain. Pure.
SharedLog::Write MakeBegin(const PublicKey& key, const replica::SessionRecord& session,
                           const replica::ClaimRecord& claim, const BeginFacts& facts);
// Ends the session, and its claim with it. `guard_claim`: only while its claim is as it is here. A
// peer that has not proven its key does not keep its number. Of no chain. Pure.
SharedLog::Write MakeEnd(const SharedSession& session, bool guard_claim);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_SESSION_WRITES_H_
