// The caller of an RPC: its address and its session token.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_CALLER_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_CALLER_H_

#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>

#include <cstdint>
#include <string>

namespace arkshare {

// The address of the caller, as the connection shows it.
struct Caller {
  std::string host;  // an IP address; IPv4 also when it is mapped into IPv6
  bool loopback = false;
};

// Parses grpc::ServerContext::peer(): "ipv4:1.2.3.4:5", "ipv6:%5B::1%5D:5", "unix:…".
Caller ParseCaller(const std::string& peer);

// Returns the session token of `authorization: Bearer <token>`; SESSION_UNKNOWN without one.
absl::StatusOr<std::string> BearerToken(const grpc::ServerContextBase& context);

struct PeerAddress {
  std::string address;  // "HOST:PORT"
  bool loopback = false;
};

// Returns the address at which other peers shall reach the caller: the caller's IP and `port`, or
// `advertised` when it is not empty. INVALID_FIELD when it cannot be an address,
// ADDRESS_NOT_ALLOWED when it must not be given to other peers: wildcards, multicast, link-local,
// and loopback unless the caller is on this machine.
absl::StatusOr<PeerAddress> ChooseAddress(const Caller& caller, uint32_t port,
                                          const std::string& advertised);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_CALLER_H_
