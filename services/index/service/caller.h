// Who calls, and from where.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_CALLER_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_CALLER_H_

#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>

#include <cstdint>
#include <string>

namespace arkshare {

// Where a call comes from, as the connection shows it.
struct Caller {
  std::string host;  // an IP address; IPv4 also where it came mapped into IPv6
  bool loopback = false;
};

// From grpc::ServerContext::peer(): "ipv4:1.2.3.4:5", "ipv6:%5B::1%5D:5", "unix:…".
Caller ParseCaller(const std::string& peer);

// The session token of `authorization: Bearer <token>`; SESSION_UNKNOWN without one.
absl::StatusOr<std::string> BearerToken(const grpc::ServerContextBase& context);

struct PeerAddress {
  std::string address;  // "HOST:PORT"
  bool loopback = false;
};

// By which others shall reach a peer: the caller's IP and `port`, or `advertised` when it is not
// empty. INVALID_FIELD for what cannot be an address, ADDRESS_NOT_ALLOWED for one that others must
// not be given: wildcards, multicast, link-local, and loopback unless the caller is on this machine
// too.
absl::StatusOr<PeerAddress> ChooseAddress(const Caller& caller, uint32_t port,
                                          const std::string& advertised);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_CALLER_H_
