// The rules of sessions that LocalSessions and the replicas of an index follow alike.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_SESSION_RULES_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_SESSION_RULES_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <cstdint>
#include <optional>
#include <string>

#include "services/index/sessions/sessions.h"

namespace arkshare {

inline constexpr size_t kTokenBytes = 32;   // random ones, in a session's token
inline constexpr size_t kBootIdBytes = 16;  // of Sessions::boot_id and PingResponse.boot_id

absl::Status SessionUnknown();
absl::Status SessionSuperseded();
absl::Status StreamReplaced();

// The live session of a key that registers again.
struct OlderSession {
  uint64_t order = 0;
  std::string address;
  bool proven = false;
};

// Returns whether the registration may take the place of `older`. KEY_IN_USE, SESSION_SUPERSEDED.
// Pure.
absl::Status CheckRegistration(const Sessions::Registration& registration,
                               const std::optional<OlderSession>& older);

// The facts that decide the number of a peer.
struct NumberFacts {
  // Whether the key may have the number now: no session of another key has it.
  absl::FunctionRef<bool(uint32_t)> is_free;
  // The smallest number, this one or a larger one, that no key had last.
  absl::FunctionRef<uint32_t(uint32_t)> next_unused;
  std::optional<uint32_t> current;  // the number of the key's live session
  std::optional<uint32_t> last;     // the number that the key had last
};
// Returns the number of a peer that registers: the requested one if it is free (0 requests none),
// then that of its live session, then its last one, then the smallest free one that no key had.
// Pure.
uint32_t ChooseNumber(uint32_t requested, const NumberFacts& facts);

// SESSION_UNKNOWN when a peer that did not advertise its address (`seen_at` is not empty) calls
// from another host than it registered from. Pure.
absl::Status CheckHost(const std::string& seen_at, const std::string& host);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_SESSION_RULES_H_
