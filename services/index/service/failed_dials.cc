#include "services/index/service/failed_dials.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

// With the network, so that no other network can make an address wait.
std::string KeyOf(const RegisterLine::Place& place) {
  return absl::StrCat(place.network, " ", place.address);
}

}  // namespace

absl::Status FailedDials::Check(const RegisterLine::Place& place, absl::Time now) const {
  MutexLock lock(&mutex_);
  const absl::Duration wait =
      std::max(of_addresses_.Wait(KeyOf(place), now), of_networks_.Wait(place.network, now));
  if (wait <= absl::ZeroDuration()) return absl::OkStatus();
  return MakeError(
      Reason::kLimitExceeded,
      absl::StrCat("the index could not reach the last peers that registered at ", place.address,
                   " or from your network; check the port, and try ", "again later"),
      {}, wait);
}

void FailedDials::Count(const RegisterLine::Place& place, absl::Time now) {
  MutexLock lock(&mutex_);
  of_addresses_.Charge(KeyOf(place), kPriceForAddress, now);
  of_networks_.Charge(place.network, kPriceForNetwork, now);
}

}  // namespace arkshare
