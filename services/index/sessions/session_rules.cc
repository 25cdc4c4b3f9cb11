#include "services/index/sessions/session_rules.h"

#include <absl/strings/str_cat.h>

#include "lib/core/errors.h"

namespace arkshare {

absl::Status SessionUnknown() {
  return MakeError(Reason::kSessionUnknown,
                   "this index does not know the session: register again after a random delay");
}

absl::Status SessionSuperseded() {
  return MakeError(Reason::kSessionSuperseded,
                   "a peer with the same key has registered since: only one of them may run");
}

absl::Status StreamReplaced() {
  return MakeError(Reason::kStreamReplaced, "a newer Announce stream took this one's place");
}

absl::Status CheckRegistration(const Sessions::Registration& registration,
                               const std::optional<OlderSession>& older) {
  if (!older.has_value()) return absl::OkStatus();
  if (!registration.proven && !registration.owned) {
    return MakeError(Reason::kKeyInUse,
                     "a peer with this key is here already, and you could not be reached to prove "
                     "that you are it: stop the other one, or wait until its lease has lapsed");
  }
  // A session that has not proven the key can be replaced by any registration.
  if ((older->proven || registration.owned) && older->order > registration.order) {
    return SessionSuperseded();
  }
  if (older->proven && !registration.owned && older->address != registration.peer.address &&
      older->order != registration.absent) {
    return MakeError(Reason::kKeyInUse, "another peer with this key registers now; try again");
  }
  return absl::OkStatus();
}

uint32_t ChooseNumber(uint32_t requested, const NumberFacts& facts) {
  if (requested != 0 && facts.is_free(requested)) return requested;
  if (facts.current.has_value()) return *facts.current;
  if (facts.last.has_value() && facts.is_free(*facts.last)) return *facts.last;
  uint32_t number = facts.next_unused(1);
  while (!facts.is_free(number)) number = facts.next_unused(number + 1);
  return number;
}

absl::Status CheckHost(const std::string& seen_at, const std::string& host) {
  if (seen_at.empty() || seen_at == host) return absl::OkStatus();
  return MakeError(Reason::kSessionUnknown,
                   absl::StrCat("you registered from ", seen_at, " and come from ", host,
                                " now: register again, so that others find you"));
}

}  // namespace arkshare
