// The addresses to which a peer can be called.
#ifndef ARKSHARE_LIB_RELAY_CALL_ADDRESS_H_
#define ARKSHARE_LIB_RELAY_CALL_ADDRESS_H_

#include <optional>
#include <string>

#include "lib/rpc/host_port.h"

namespace arkshare {

// From where an address can be reached.
enum class AddressScope {
  kNowhere,      // it names no one machine: unspecified, link-local, multicast, reserved
  kThisMachine,  // loopback
  kPrivate,      // its own network only; see IsPrivateAddress
  kGlobal,
};

// Returns the scope of an address of IPv4 or IPv6; an IPv4 address that is mapped into IPv6 has its
// own.
AddressScope ScopeOf(const SocketAddress& address);

// Parses AnnounceResponse.Call.address: an IP address, not of kNowhere, with a port from 1024 on,
// because no peer listens at a lower one unless its owner is root. Nothing for any other text.
std::optional<SocketAddress> ParseCallAddress(const std::string& text);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RELAY_CALL_ADDRESS_H_
