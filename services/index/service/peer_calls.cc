#include "services/index/service/peer_calls.h"

#include <algorithm>

#include "lib/core/errors.h"
#include "lib/relay/call_address.h"
#include "lib/rpc/caller_shares.h"

namespace arkshare {

absl::StatusOr<std::string> PeerCalls::AddressOf(const std::optional<PeerSummary>& caller) {
  if (caller.has_value() && caller->listed && ParseCallAddress(caller->info.address).has_value()) {
    return caller->info.address;
  }
  return MakeError(Reason::kAddressNotAllowed,
                   "the index has no proven IP address of this peer, with a port from 1024 on, to "
                   "which it can send others: use the relay");
}

absl::Status PeerCalls::Take(const PublicKey& caller, const std::string& network, absl::Time now) {
  static const std::string& this_machine = *new std::string(NetworkOfCaller("ipv4:127.0.0.1:1"));
  const bool shared = network != this_machine;
  MutexLock lock(&mutex_);
  absl::Duration wait = of_callers_.Wait(caller.view(), now);
  if (shared) wait = std::max(wait, of_networks_.Wait(network, now));
  if (wait > absl::ZeroDuration()) {
    return MakeError(Reason::kLimitExceeded,
                     "this peer or its network has called too many peers: use the relay", {}, wait);
  }
  of_callers_.Charge(caller.view(), kPause, now);
  if (shared) of_networks_.Charge(network, kPause, now);
  return absl::OkStatus();
}

}  // namespace arkshare
