#include "lib/relay/call_address.h"

#include <absl/status/statusor.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>
#include <cstring>

namespace arkshare {
namespace {

constexpr int kFirstCallPort = 1'024;

AddressScope ScopeOfV4(uint32_t bits) {
  const uint32_t first = bits >> 24;
  // 0.0.0.0/8, 169.254.0.0/16, and 224.0.0.0/3: multicast, reserved and broadcast.
  if (first == 0 || bits >> 16 == 0xa9fe || first >= 224) return AddressScope::kNowhere;
  if (first == 127) return AddressScope::kThisMachine;
  const bool is_private =
      first == 10 || bits >> 20 == (172U << 4 | 1) || bits >> 16 == (192U << 8 | 168);
  return is_private ? AddressScope::kPrivate : AddressScope::kGlobal;
}

}  // namespace

AddressScope ScopeOf(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) {
    return ScopeOfV4(ntohl(reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr.s_addr));
  }
  if (address.storage.ss_family != AF_INET6) return AddressScope::kNowhere;
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    uint32_t bits = 0;
    std::memcpy(&bits, &v6.s6_addr[12], sizeof(bits));
    return ScopeOfV4(ntohl(bits));
  }
  if (IN6_IS_ADDR_LOOPBACK(&v6)) return AddressScope::kThisMachine;
  if (IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_MULTICAST(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6)) {
    return AddressScope::kNowhere;
  }
  return (v6.s6_addr[0] & 0xfe) == 0xfc ? AddressScope::kPrivate : AddressScope::kGlobal;
}

std::optional<SocketAddress> ParseCallAddress(const std::string& text) {
  const absl::StatusOr<HostPort> host_port = ParseHostPort(text);
  if (!host_port.ok() || host_port->port < kFirstCallPort) return std::nullopt;
  const std::optional<SocketAddress> address = ToSocketAddress(*host_port);
  if (!address.has_value() || ScopeOf(*address) == AddressScope::kNowhere) return std::nullopt;
  return address;
}

}  // namespace arkshare
