// Decides which way to this peer is tried next while a session runs.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_WAY_PLAN_H_
#define ARKSHARE_SERVICES_PEER_SESSION_WAY_PLAN_H_

#include <absl/time/time.h>

#include <cstdint>
#include <optional>

#include "services/peer/session/recheck_timer.h"
#include "services/peer/session/retry.h"

namespace arkshare {

// A peer that the index does not reach tries the relay, soon and then less often. One that the
// relay carries tries its address, now and then, because that is faster. A port that the router has
// opened is tried once. Pure: times are inputs that must not go back. Not thread-safe.
class WayPlan {
 public:
  enum class Try { kAddress, kMapping, kRelay };

  // The address is tried `recheck` after the relay has become the way, and after twice the last
  // wait, up to 16 times that. The relay is tried at once, after `relay_retry`, and after twice the
  // last wait, up to `recheck`.
  WayPlan(absl::Duration recheck, absl::Duration relay_retry)
      : address_timer_(recheck), relay_pause_(relay_retry, recheck) {}

  struct Session {
    bool reached = false;         // by the index
    bool relayed = false;         // through the relay
    bool may_be_carried = false;  // the relay could help if it is not reached
  };
  // A session has begun.
  void Begin(const Session& session, absl::Time now);
  // A port of the router, through which the others reach this peer, is dead.
  void MappingDied() { mapping_died_ = true; }

  struct Situation {
    bool reached = true;    // as the index says
    bool by_relay = false;  // the relay is the way
    bool has_relay = false;
    uint64_t mapping = 0;  // PortMapper::Mapping::generation; 0: the router has opened no port
  };
  // Returns what to try now; nothing when there is no reason. It is then tried.
  std::optional<Try> Next(const Situation& situation, absl::Time now);

 private:
  RecheckTimer address_timer_;
  GrowingPause relay_pause_;
  absl::Time next_relay_try_ = absl::InfinitePast();
  bool hidden_ = false;  // since the session began, and the relay could help
  bool mapping_died_ = false;
  uint64_t tried_mapping_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_WAY_PLAN_H_
