// Addresses of the form HOST:PORT.
#ifndef ARKSHARE_LIB_RPC_HOST_PORT_H_
#define ARKSHARE_LIB_RPC_HOST_PORT_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <sys/socket.h>

#include <optional>
#include <string>

namespace arkshare {

struct HostPort {
  std::string host;  // without brackets
  int port = 0;      // 0 to 65535

  std::string ToString() const;  // brackets an IPv6 host
};

// Splits "HOST:PORT" or "[IPv6]:PORT". InvalidArgument says what is wrong.
absl::StatusOr<HostPort> ParseHostPort(const std::string& text);

// True for 127.0.0.0/8, ::1, an IPv4 loopback address mapped into IPv6, and "localhost".
bool IsLoopbackHost(const std::string& host);

// True for a numeric address that only its own network can reach, 10.0.0.0/8, 172.16.0.0/12 and
// 192.168.0.0/16 (RFC 1918) or fc00::/7 (RFC 4193), with a port from 1 on.
bool IsPrivateAddress(const std::string& address);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};
// Converts a numeric IPv4 or IPv6 address; nullopt for any other host.
std::optional<SocketAddress> ToSocketAddress(const HostPort& host_port);

// The reverse, for an address of IPv4 or IPv6.
HostPort ToHostPort(const SocketAddress& address);

// InvalidArgument: a server cannot listen on a host that is not an IP address.
absl::Status NotNumericError(const HostPort& host_port);
// Finds out why no server can listen on an address now. Never OK. AlreadyExists: another program
// listens there. PermissionDenied: the port needs root. InvalidArgument: the host is not numeric or
// not an address of this machine. Unavailable: a server can listen there now; try again.
absl::Status ExplainBindFailure(const HostPort& host_port);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_HOST_PORT_H_
