// Host names, and the errors of connecting to them, for code that connects without gRPC.
#ifndef ARKSHARE_LIB_RPC_RESOLVE_H_
#define ARKSHARE_LIB_RPC_RESOLVE_H_

#include <absl/time/time.h>

#include <string>
#include <vector>

#include "lib/rpc/host_port.h"

namespace arkshare {

// The addresses of a host, or what people read when there are none.
struct Resolved {
  std::vector<SocketAddress> addresses;
  std::string trouble;
};

// Blocks for up to `patience`, unless the host is an IP address or "localhost". Thread-safe.
Resolved Resolve(HostPort target, absl::Duration patience);

// Explains for people why connect(2) has failed, such as "nothing listens there; is it running?".
// ETIMEDOUT: the connection was not made in time.
std::string ConnectErrorInWords(int error);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_RESOLVE_H_
