// The browsers that are signed in at the owner's web page: codes, tokens and sessions.
#ifndef ARKSHARE_SERVICES_PEER_WEB_PAGE_SESSIONS_H_
#define ARKSHARE_SERVICES_PEER_WEB_PAGE_SESSIONS_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Everything is in memory and ends with the process: a program that binds the port of a peer that
// is gone can only read tokens that are worth nothing. Of secrets only the SHA-256 is kept.
// Thread-safe.
class PageSessions {
 public:
  static constexpr absl::Duration kCodeLife = absl::Seconds(60);
  // The wrong codes and tokens that are looked up within a minute; further ones are told to wait.
  // Right ones never wait, so no other user of the machine can keep the owner out.
  static constexpr size_t kMostWrong = 10;

  struct Session {
    std::string id;  // 8 bytes
    absl::Time start;
    absl::Time last_use;
    std::string user_agent;
  };
  struct SignedIn {
    std::string token;  // a secret
    std::string session_id;
  };

  // `on_end` is called, without a lock, with the id of each session that has ended.
  PageSessions(const Clock* clock, std::function<void(const std::string& id)> on_end);

  struct Code {
    std::string text;  // a secret
    absl::Time expiry;
  };
  // Returns a code that signs in one browser, once. At most 16 are good at a time: the oldest ends.
  Code NewCode();
  // Takes a code for a session. A code that comes a second time ends the session of its first use:
  // two programs know it. kPageCodeInvalid, kLimitExceeded.
  absl::StatusOr<SignedIn> SignIn(const std::string& code, const std::string& user_agent);

  // Returns the id of the session that an Authorization header belongs to; null: there is none.
  // kSignInNeeded, whose metadata says `why`, and kLimitExceeded.
  absl::StatusOr<std::string> Find(const std::string* authorization);
  bool IsLive(const std::string& id) const;

  // The session that was used last comes first.
  std::vector<Session> List() const;
  // Returns false when there is no such session.
  bool End(const std::string& id);
  // Ends all sessions and codes. Returns the number of sessions.
  size_t EndAll();

 private:
  struct Given {
    absl::Time expiry{};       // of the code
    std::string session_id{};  // of its first use
    bool used = false;
  };

  // Counts a wrong secret. Returns `error`, or kLimitExceeded after too many.
  absl::Status WrongLocked(absl::Status error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetOldCodesLocked(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns false when there is no such session. `why` is for its page.
  bool RemoveLocked(const std::string& id, const std::string& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  const std::function<void(const std::string&)> on_end_;
  mutable Mutex mutex_;
  std::map<std::string, Given> codes_ ABSL_GUARDED_BY(mutex_);       // by the hash of the code
  std::map<std::string, Session> sessions_ ABSL_GUARDED_BY(mutex_);  // by the hash of the token
  // Why the last sessions have ended, by the hashes of their tokens.
  std::deque<std::pair<std::string, std::string>> ended_ ABSL_GUARDED_BY(mutex_);
  std::deque<absl::Time> wrong_ ABSL_GUARDED_BY(mutex_);  // when, within the last minute
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_WEB_PAGE_SESSIONS_H_
