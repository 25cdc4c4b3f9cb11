// The sockets of carried connections.
#ifndef ARKSHARE_LIB_RELAY_SOCKETS_H_
#define ARKSHARE_LIB_RELAY_SOCKETS_H_

#include <absl/status/statusor.h>

#include <string>

#include "lib/rpc/host_port.h"

namespace arkshare {

// Listens without waiting on "IP:PORT", exclusively. Errors, for people: InvalidArgument,
// AlreadyExists, PermissionDenied and Unavailable, as of ExplainBindFailure.
struct Listening {
  int fd = -1;          // the caller closes it
  std::string address;  // "IP:PORT" with the bound port
  int port = 0;
};
absl::StatusOr<Listening> ListenAt(const std::string& address);

// Begins to connect, and returns the socket, which is writable once it is connected. Returns -1
// with errno when it cannot. With `from`, the connection comes from that address, if it can.
int BeginConnect(const SocketAddress& address, const SocketAddress* from = nullptr);
// Returns 0 for a socket that is connected, otherwise the errno with which it failed.
int ConnectError(int fd);

// Prepares a TCP socket to be carried: no delays, little unsent data in the kernel, and an end for
// a connection whose other side has vanished. Does nothing for sockets of other kinds.
void TuneCarried(int fd);

// Closes the socket so that the other side sees a reset, and not an orderly end.
void CloseWithReset(int fd);

// Returns where a program of this machine reaches a server that listens at `address`, "IP:PORT": an
// address of all interfaces, of which the one of IPv6 takes IPv4 too, becomes 127.0.0.1.
std::string AddressOnThisMachine(const std::string& address);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RELAY_SOCKETS_H_
