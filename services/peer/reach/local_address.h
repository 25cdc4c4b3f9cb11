// Where peers in the same home reach this one.
#ifndef ARKSHARE_SERVICES_PEER_REACH_LOCAL_ADDRESS_H_
#define ARKSHARE_SERVICES_PEER_REACH_LOCAL_ADDRESS_H_

#include <string>

namespace arkshare {

// Returns the private "IP:PORT" (IsPrivateAddress) from which this machine reaches the index at
// `index_address`, "HOST:PORT", with the port of a server that listens at `listen`, "IP:PORT".
// Returns
// "" when the machine has no such address there, or the server does not listen at it. Blocks for up
// to 2 s while a name is resolved. Thread-safe.
std::string LocalAddress(const std::string& index_address, const std::string& listen);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_REACH_LOCAL_ADDRESS_H_
