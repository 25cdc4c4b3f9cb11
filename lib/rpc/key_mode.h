// The start of programs that use key credentials.
#ifndef ARKSHARE_LIB_RPC_KEY_MODE_H_
#define ARKSHARE_LIB_RPC_KEY_MODE_H_

#include <string>
#include <vector>

namespace arkshare {

// Allows TLS 1.3 only, and no session tickets, for all of this process; gRPC has no such settings.
// Tickets, which no client of ours uses, cost a server a quarter of each handshake. Call it before
// the first use of TLS.
void UseTls13Only();

// Returns the hosts for LeafOptions of a server that listens on `listen` ("IP:PORT"): that IP
// unless it is a wildcard, and the addresses of the network interfaces, as they are now.
std::vector<std::string> CertificateHosts(const std::string& listen);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_KEY_MODE_H_
