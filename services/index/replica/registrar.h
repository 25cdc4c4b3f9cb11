// Registers peers at an index that has replicas.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_REGISTRAR_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_REGISTRAR_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "arkshare/replica/records.pb.h"
#include "lib/core/mutex.h"
#include "services/index/replica/roster.h"
#include "services/index/replica/seats.h"
#include "services/index/sessions/sessions.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Decides a registration on what the roster has, and writes the session, its claim and its number
// in one step: guarded by the older session and by the last owner of the number, so that two
// replicas give no number to two keys. When another replica was faster, decides again. Thread-safe.
class Registrar {
 public:
  // `scope`: see SessionRecord.loopback_scope. All must outlive the last answer of the log.
  Registrar(std::string scope, const Roster* roster, Seats* seats, SharedLog* log)
      : scope_(std::move(scope)), roster_(*roster), seats_(seats), log_(log) {}

  // The same as Sessions::Register. LIMIT_EXCEEDED when other replicas were faster again and again.
  void Register(Sessions::Registration registration, Sessions::Done<Sessions::Registered> done);

 private:
  struct Attempt;

  void Try(std::shared_ptr<Attempt> attempt);
  // The attempt is over, and gives back its number.
  void Answer(Attempt& attempt, const absl::StatusOr<Sessions::Registered>& answer);
  // Chooses the number of the peer, in place of the one that the attempt may have.
  void Choose(Attempt& attempt, const std::optional<SharedSession>& older);
  void ReleaseLocked(const Attempt& attempt) ABSL_EXCLUSIVE_LOCKS_REQUIRED(choosing_);
  replica::SessionRecord MakeSession(const Attempt& attempt,
                                     const std::optional<SharedSession>& older) const;
  void Write(const std::shared_ptr<Attempt>& attempt, const std::optional<SharedSession>& older);
  void Written(const std::shared_ptr<Attempt>& attempt,
               const absl::StatusOr<SharedLog::Outcome>& outcome);

  const std::string scope_;
  const Roster& roster_;
  Seats* const seats_;
  SharedLog* const log_;
  Mutex choosing_;
  // The numbers of the registrations that are under way here. All that come together would choose
  // the same number, and only one of them could be made.
  absl::flat_hash_map<uint32_t, const Attempt*> chosen_ ABSL_GUARDED_BY(choosing_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_REGISTRAR_H_
