#include "lib/relay/sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace arkshare {
namespace {

constexpr int kBacklog = 512;
// More unsent bytes would only fill the kernel's memory while the other side takes nothing.
constexpr int kMostUnsentBytes = 256 * 1024;
constexpr int kKeepaliveSeconds = 30;
constexpr int kKeepaliveProbes = 3;
constexpr int kUserTimeoutMs = 60'000;

void SetOption(int fd, int level, int option, int value) {
  (void)setsockopt(fd, level, option, &value, sizeof(value));
}

int BoundPort(int fd) {
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0) return 0;
  // The port is at the same place for both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

}  // namespace

absl::StatusOr<Listening> ListenAt(const std::string& address) {
  absl::StatusOr<HostPort> host_port = ParseHostPort(address);
  if (!host_port.ok()) return host_port.status();
  if (host_port->host == "localhost") host_port->host = "127.0.0.1";
  const std::optional<SocketAddress> place = ToSocketAddress(*host_port);
  if (!place.has_value()) return NotNumericError(*host_port);
  const int fd = socket(place->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return ExplainBindFailure(*host_port);
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (place->storage.ss_family == AF_INET6) SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&place->storage), place->length) != 0 ||
      listen(fd, kBacklog) != 0) {
    close(fd);
    return ExplainBindFailure(*host_port);
  }
  host_port->port = BoundPort(fd);
  return Listening{fd, host_port->ToString(), host_port->port};
}

int BeginConnect(const SocketAddress& address, const SocketAddress* from) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (from != nullptr && from->storage.ss_family == address.storage.ss_family) {
    // Otherwise each of these connections would need a port that no other one uses.
    SetOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    (void)bind(fd, reinterpret_cast<const sockaddr*>(&from->storage), from->length);
  }
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0 ||
      errno == EINPROGRESS) {
    return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

int ConnectError(int fd) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  if (error != 0) return error;
  sockaddr_storage peer{};
  length = sizeof(peer);
  return getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0 ? 0 : errno;
}

void TuneCarried(int fd) {
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kMostUnsentBytes);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveSeconds);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveSeconds);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
  SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

void CloseWithReset(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  close(fd);
}

std::string AddressOnThisMachine(const std::string& address) {
  absl::StatusOr<HostPort> host_port = ParseHostPort(address);
  if (!host_port.ok()) return address;
  for (const char* here : {"0.0.0.0", "::", "localhost"}) {
    if (host_port->host == here) host_port->host = "127.0.0.1";
  }
  return host_port->ToString();
}

}  // namespace arkshare
