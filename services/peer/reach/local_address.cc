#include "services/peer/reach/local_address.h"

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/rpc/host_port.h"
#include "lib/rpc/resolve.h"

namespace arkshare {
namespace {

constexpr absl::Duration kResolvePatience = absl::Seconds(2);

// Returns the host from which this machine would send to the address; "" when it cannot. Sends
// nothing: to connect a socket of UDP only chooses a way.
std::string HostTowards(const SocketAddress& address) {
  const int fd = socket(address.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "";
  SocketAddress own{{}, sizeof(own.storage)};
  const bool found =
      connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0 &&
      getsockname(fd, reinterpret_cast<sockaddr*>(&own.storage), &own.length) == 0;
  close(fd);
  return found ? ToHostPort(own).host : "";
}

}  // namespace

std::string LocalAddress(const std::string& index_address, const std::string& listen) {
  const absl::StatusOr<HostPort> index = ParseHostPort(index_address);
  const absl::StatusOr<HostPort> server = ParseHostPort(listen);
  if (!index.ok() || !server.ok()) return "";
  for (const SocketAddress& address : Resolve(*index, kResolvePatience).addresses) {
    const HostPort own{HostTowards(address), server->port};
    const bool listens = server->host == own.host || server->host == "::" ||
                         (server->host == "0.0.0.0" && address.storage.ss_family == AF_INET);
    if (listens && IsPrivateAddress(own.ToString())) return own.ToString();
  }
  return "";
}

}  // namespace arkshare
