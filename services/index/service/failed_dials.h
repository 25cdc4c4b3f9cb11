// Registrations whose dial-backs fail.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_FAILED_DIALS_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_FAILED_DIALS_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "lib/core/debts.h"
#include "lib/core/mutex.h"
#include "services/index/service/register_line.h"

namespace arkshare {

// A dial-back costs the index more than it costs the caller to ask for one. So the registrations
// that fail are few: about 2 a second for an address that is dialled, after 10 at once, and 50 a
// second for a network, after 200 at once. Peers that can be reached are not limited. Thread-safe.
class FailedDials {
 public:
  // LIMIT_EXCEEDED, with a time to come back, while too many have failed.
  absl::Status Check(const RegisterLine::Place& place, absl::Time now) const;
  void Count(const RegisterLine::Place& place, absl::Time now);

 private:
  static constexpr absl::Duration kPriceForAddress = absl::Milliseconds(500);
  static constexpr absl::Duration kPriceForNetwork = absl::Milliseconds(20);

  mutable Mutex mutex_;
  Debts of_addresses_ ABSL_GUARDED_BY(mutex_){9 * kPriceForAddress};
  Debts of_networks_ ABSL_GUARDED_BY(mutex_){199 * kPriceForNetwork};
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_FAILED_DIALS_H_
