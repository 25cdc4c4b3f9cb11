#include "services/index/service/forged_tickets.h"

#include "lib/core/errors.h"

namespace arkshare {

absl::Status ForgedTickets::Check(const PublicKey& caller, absl::Time now) const {
  MutexLock lock(&mutex_);
  const absl::Duration wait = debts_.Wait(caller.bytes(), now);
  if (wait <= absl::ZeroDuration()) return absl::OkStatus();
  return MakeError(Reason::kLimitExceeded,
                   "your last tickets were forged: send only tickets that their sources signed", {},
                   wait);
}

void ForgedTickets::Count(const PublicKey& caller, size_t forged, absl::Time now) {
  MutexLock lock(&mutex_);
  debts_.Charge(caller.bytes(), kPriceOfForged * static_cast<int>(forged), now);
}

}  // namespace arkshare
