// Puts sessions into the new log after the old one was lost.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_LOST_SESSIONS_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_LOST_SESSIONS_H_

#include <string>
#include <utility>
#include <vector>

#include "lib/core/mutex.h"
#include "services/index/replica/roster.h"
#include "services/index/replica/seats.h"
#include "services/index/sessions/sessions.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// A peer keeps its token and its number, and states its folder to the new log: a session that is in
// that already, because it is an older backup, begins again. Thread-safe: mutex_ is held in no
// call.
class LostSessions {
 public:
  // All must outlive the last answer of the log.
  LostSessions(const Roster* roster, Seats* seats, SharedLog* log)
      : roster_(*roster), seats_(seats), log_(log) {}

  // The session was here when the log was lost: PutBackAll puts it back.
  void Keep(SharedSession session, std::string token);
  // Puts back what was kept since the last call. Call it only while the log can be reached.
  void PutBackAll();
  // Writes the session to the new log: it begins again there. `done` gets it when it has, by this
  // replica or another one. SESSION_UNKNOWN when it has not.
  void PutBack(const SharedSession& session, Sessions::Done<SharedSession> done);

 private:
  const Roster& roster_;
  Seats* const seats_;
  SharedLog* const log_;
  Mutex mutex_;
  std::vector<std::pair<SharedSession, std::string>> kept_ ABSL_GUARDED_BY(mutex_);  // and tokens
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_LOST_SESSIONS_H_
