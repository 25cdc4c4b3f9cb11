// Peers that send tickets which their sources did not sign.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_FORGED_TICKETS_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_FORGED_TICKETS_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstddef>

#include "lib/core/debts.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"

namespace arkshare {

// A good peer sends none, because it checks a ticket when it gets it. A peer that has sent two
// calls full of them waits before its tickets are checked again. Thread-safe.
class ForgedTickets {
 public:
  static constexpr absl::Duration kPriceOfForged = absl::Seconds(10);
  static constexpr absl::Duration kMostDebt = absl::Seconds(150);

  // LIMIT_EXCEEDED, with a time to come back, when the peer has sent too many.
  absl::Status Check(const PublicKey& caller, absl::Time now) const;
  void Count(const PublicKey& caller, size_t forged, absl::Time now);

 private:
  mutable Mutex mutex_;
  Debts debts_ ABSL_GUARDED_BY(mutex_){kMostDebt};
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_FORGED_TICKETS_H_
