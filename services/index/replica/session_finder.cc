#include "services/index/replica/session_finder.h"

#include <utility>

#include "lib/core/errors.h"
#include "services/index/sessions/kept_sessions.h"
#include "services/index/sessions/session_rules.h"

namespace arkshare {

void SessionFinder::Find(const std::string& token, Sessions::Done<SharedSession> done) {
  const auto again = [this, token, done](const absl::Status& ended) {
    if (!ended.ok()) return done(ended);
    Find(token, done);
  };
  if (seats_->EndIfOver(token, again)) return;
  const Sha256Digest hash = HashOfToken(token);
  absl::StatusOr<SharedSession> here = roster_.FindToken(hash);
  if (here.ok() || GetReason(here.status()) == Reason::kSessionSuperseded) {
    return done(std::move(here));
  }
  // The peer may have registered at another replica a moment ago.
  log_->Mark([this, hash, done](const absl::StatusOr<int64_t>& reached) {
    if (!reached.ok()) return done(reached.status());
    done(roster_.FindToken(hash));
  });
}

void SessionFinder::FindWhyNotHere(const std::string& token,
                                   std::function<void(absl::Status)> done) {
  Find(token, [done](const absl::StatusOr<SharedSession>& found) {
    done(found.ok() ? StreamReplaced() : found.status());
  });
}

}  // namespace arkshare
