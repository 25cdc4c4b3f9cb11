// Finds the session of a token, wherever its peer has registered.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_SESSION_FINDER_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_SESSION_FINDER_H_

#include <absl/status/status.h>

#include <functional>
#include <string>

#include "services/index/replica/roster.h"
#include "services/index/replica/seats.h"
#include "services/index/sessions/sessions.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Ends a session whose lease has lapsed before it would be found. Thread-safe, without a lock.
class SessionFinder {
 public:
  // All must outlive the last answer of the log.
  SessionFinder(Seats* seats, const Roster* roster, SharedLog* log)
      : seats_(seats), roster_(*roster), log_(log) {}

  // Asks the log before it says that there is none. SESSION_UNKNOWN, SESSION_SUPERSEDED,
  // STORE_UNREACHABLE.
  void Find(const std::string& token, Sessions::Done<SharedSession> done);
  // Says why a stream is not here: STREAM_REPLACED, or there is no session.
  void FindWhyNotHere(const std::string& token, std::function<void(absl::Status)> done);

 private:
  Seats* const seats_;
  const Roster& roster_;
  SharedLog* const log_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_SESSION_FINDER_H_
