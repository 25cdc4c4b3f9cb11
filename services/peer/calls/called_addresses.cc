#include "services/peer/calls/called_addresses.h"

#include <algorithm>

#include "lib/relay/call_address.h"

namespace arkshare {

std::optional<SocketAddress> CalledAddresses::Take(const std::string& address,
                                                   absl::Span<const SocketAddress> relays,
                                                   absl::Time now) {
  const std::optional<SocketAddress> place = ParseCallAddress(address);
  if (!place.has_value()) return std::nullopt;
  const AddressScope scope = ScopeOf(*place);
  const bool near = std::any_of(relays.begin(), relays.end(), [&](const SocketAddress& relay) {
    const AddressScope of_relay = ScopeOf(relay);
    return of_relay != AddressScope::kNowhere && of_relay <= scope;
  });
  if (!near) return std::nullopt;
  const std::string host = ToHostPort(*place).host;
  if (calls_.Wait(host, now) > absl::ZeroDuration()) return std::nullopt;
  calls_.Charge(host, kPause, now);
  return place;
}

}  // namespace arkshare
