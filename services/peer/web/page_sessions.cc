#include "services/peer/web/page_sessions.h"

#include <absl/strings/escaping.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"
#include "lib/core/hasher.h"
#include "lib/core/key.h"

namespace arkshare {
namespace {

constexpr size_t kCodeBytes = 16;
constexpr size_t kTokenBytes = 32;
constexpr size_t kIdBytes = 8;
constexpr size_t kMostCodes = 16;
constexpr size_t kMostSessions = 32;
constexpr size_t kMostEnded = 64;
constexpr size_t kMaxUserAgent = 256;
constexpr absl::Duration kWrongWindow = absl::Minutes(1);
constexpr absl::string_view kBearer = "Bearer ";

// A secret is looked up by its hash, so how long that takes tells nothing about it.
std::string HashOf(absl::string_view secret) {
  const Sha256Digest digest = Hasher::ForThisThread().Hash(AsBytes(secret));
  return std::string(digest.begin(), digest.end());
}

absl::Status CodeError() {
  return MakeError(Reason::kPageCodeInvalid,
                   "this address works once, and for a minute only; run arkshare-cli web again");
}

absl::Status SignInError(const std::string& why) {
  const absl::string_view message =
      why == "code_used_twice"
          ? "two programs used the code of this page, so its session has ended; if the other one "
            "was not yours, see who can read your files. Run arkshare-cli web"
          : "this browser is not signed in, or not any more; run arkshare-cli web";
  return MakeError(Reason::kSignInNeeded, message, {{"why", why}});
}

}  // namespace

PageSessions::PageSessions(const Clock* clock, std::function<void(const std::string&)> on_end)
    : clock_(clock), on_end_(std::move(on_end)) {}

PageSessions::Code PageSessions::NewCode() {
  Code code{absl::WebSafeBase64Escape(RandomBytes(kCodeBytes)), clock_->Now() + kCodeLife};
  MutexLock lock(&mutex_);
  const absl::Time now = clock_->Monotonic();
  ForgetOldCodesLocked(now);
  if (codes_.size() >= kMostCodes) {
    codes_.erase(std::min_element(codes_.begin(), codes_.end(), [](const auto& a, const auto& b) {
      return a.second.expiry < b.second.expiry;
    }));
  }
  codes_[HashOf(code.text)] = {.expiry = now + kCodeLife, .session_id = "", .used = false};
  return code;
}

void PageSessions::ForgetOldCodesLocked(absl::Time now) {
  std::erase_if(codes_, [now](const auto& code) { return code.second.expiry <= now; });
}

absl::Status PageSessions::WrongLocked(absl::Status error) {
  const absl::Time now = clock_->Monotonic();
  while (!wrong_.empty() && wrong_.front() + kWrongWindow <= now) wrong_.pop_front();
  if (wrong_.size() >= kMostWrong) {
    return MakeError(Reason::kLimitExceeded,
                     "too many wrong codes or tokens; wait, then run arkshare-cli web", {},
                     wrong_.front() + kWrongWindow - now);
  }
  wrong_.push_back(now);
  return error;
}

absl::StatusOr<PageSessions::SignedIn> PageSessions::SignIn(const std::string& code,
                                                            const std::string& user_agent) {
  std::optional<std::string> ended;
  absl::StatusOr<SignedIn> result = CodeError();
  {
    MutexLock lock(&mutex_);
    const absl::Time now = clock_->Monotonic();
    ForgetOldCodesLocked(now);
    const auto given = codes_.find(HashOf(code));
    if (given == codes_.end()) return WrongLocked(CodeError());
    if (given->second.used) {
      if (RemoveLocked(given->second.session_id, "code_used_twice")) {
        ended = given->second.session_id;
      }
    } else {
      SignedIn made{absl::WebSafeBase64Escape(RandomBytes(kTokenBytes)), RandomBytes(kIdBytes)};
      if (sessions_.size() >= kMostSessions) {
        const auto oldest = std::min_element(
            sessions_.begin(), sessions_.end(),
            [](const auto& a, const auto& b) { return a.second.last_use < b.second.last_use; });
        ended = oldest->second.id;
        RemoveLocked(*ended, "ended");
      }
      const absl::Time time = clock_->Now();
      sessions_[HashOf(made.token)] = {made.session_id, time, time,
                                       absl::CHexEscape(user_agent).substr(0, kMaxUserAgent)};
      given->second.used = true;
      given->second.session_id = made.session_id;
      result = std::move(made);
    }
  }
  if (ended.has_value()) on_end_(*ended);
  return result;
}

absl::StatusOr<std::string> PageSessions::Find(const std::string* authorization) {
  if (authorization == nullptr) return SignInError("no_token");
  const std::string hash = HashOf(absl::StripPrefix(*authorization, kBearer));
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(hash);
  if (found != sessions_.end()) {
    found->second.last_use = clock_->Now();
    return found->second.id;
  }
  const auto ended = std::find_if(ended_.begin(), ended_.end(),
                                  [&](const auto& session) { return session.first == hash; });
  // Its page knew the secret, so it guesses nothing.
  if (ended != ended_.end()) return SignInError(ended->second);
  return WrongLocked(SignInError("unknown"));
}

bool PageSessions::IsLive(const std::string& id) const {
  MutexLock lock(&mutex_);
  return std::any_of(sessions_.begin(), sessions_.end(),
                     [&](const auto& session) { return session.second.id == id; });
}

std::vector<PageSessions::Session> PageSessions::List() const {
  std::vector<Session> sessions;
  {
    MutexLock lock(&mutex_);
    for (const auto& [hash, session] : sessions_) sessions.push_back(session);
  }
  std::stable_sort(sessions.begin(), sessions.end(),
                   [](const Session& a, const Session& b) { return a.last_use > b.last_use; });
  return sessions;
}

bool PageSessions::RemoveLocked(const std::string& id, const std::string& why) {
  const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                  [&](const auto& session) { return session.second.id == id; });
  if (found == sessions_.end()) return false;
  ended_.emplace_back(found->first, why);
  if (ended_.size() > kMostEnded) ended_.pop_front();
  sessions_.erase(found);
  return true;
}

bool PageSessions::End(const std::string& id) {
  {
    MutexLock lock(&mutex_);
    if (!RemoveLocked(id, "ended")) return false;
  }
  on_end_(id);
  return true;
}

size_t PageSessions::EndAll() {
  std::vector<std::string> ids;
  {
    MutexLock lock(&mutex_);
    codes_.clear();
    for (const auto& [hash, session] : sessions_) ids.push_back(session.id);
    for (const std::string& id : ids) RemoveLocked(id, "ended");
  }
  for (const std::string& id : ids) on_end_(id);
  return ids.size();
}

}  // namespace arkshare
