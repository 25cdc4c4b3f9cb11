#include "services/peer/session/way_plan.h"

namespace arkshare {

void WayPlan::Begin(const Session& session, absl::Time now) {
  mapping_died_ = false;
  hidden_ = !session.reached && session.may_be_carried;
  if (session.reached) relay_pause_.Reset();
  address_timer_.Reached();
  if (session.relayed) address_timer_.Unreachable(now);
}

std::optional<WayPlan::Try> WayPlan::Next(const Situation& situation, absl::Time now) {
  if (situation.mapping != 0 && situation.mapping != tried_mapping_) {
    tried_mapping_ = situation.mapping;
    return Try::kMapping;
  }
  const bool away = hidden_ || !situation.reached || mapping_died_;
  if (away && !situation.by_relay && situation.has_relay && now >= next_relay_try_) {
    next_relay_try_ = now + relay_pause_.Next().to;
    return Try::kRelay;
  }
  if (situation.by_relay && address_timer_.IsDue(now)) {
    address_timer_.Unreachable(now);
    return Try::kAddress;
  }
  return std::nullopt;
}

}  // namespace arkshare
