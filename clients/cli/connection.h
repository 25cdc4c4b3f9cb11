// The CLI's connections: to the peer that it drives (over the control socket), to the index, and to
// other peers.
#ifndef ARKSHARE_CLIENTS_CLI_CONNECTION_H_
#define ARKSHARE_CLIENTS_CLI_CONNECTION_H_

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clients/cli/call_watch.h"
#include "clients/cli/group_dialer.h"
#include "clients/cli/health_check.h"
#include "clients/cli/index_connection.h"
#include "clients/cli/interrupts.h"
#include "clients/cli/member_names.h"
#include "clients/cli/other_peers.h"
#include "clients/cli/peer_connection.h"
#include "lib/core/clock.h"
#include "lib/rpc/dialer.h"
#include "lib/rpc/tls_options.h"

namespace arkshare {

struct ConnectionOptions {
  // The peer's control socket, "unix:PATH" or a path.
  std::string peer;
  // One or more "HOST:PORT", separated by commas and tried in turn. Empty: the peer's index.
  std::string index;
  // For the index and other peers; the control socket never uses TLS. Not enabled: the keys of the
  // peer's group, or plaintext when it has none.
  TlsOptions tls;
  // Tests set another one, which says when the names of a group are old.
  const Clock* clock = Clock::Real();
};

// Has a part for each kind of server; all connect on first use. When the own peer is in a group,
// they call the index and other peers as this peer, and send calls only to the index and the peers
// of the group. Every error has a Reason and a message for people, never gRPC's own text. An
// interrupted call returns Cancelled. Not thread-safe.
class Connection {
 public:
  // InvalidArgument: an address is malformed, or a TLS file cannot be used.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectionOptions& options,
                                                          Interrupts* interrupts);

  // Sets the function to call, from another thread, when a call to the peer or the index waits
  // longer than a second. `server` is "the index at HOST:PORT" or "the peer at unix:PATH".
  void OnSlowCall(std::function<void(const std::string& server)> callback) {
    watch_.OnSlowCall(std::move(callback));
  }

  PeerConnection& peer() { return peer_; }
  IndexConnection& index() { return index_; }
  OtherPeers& others() { return others_; }
  HealthCheck& health() { return health_; }
  // The names of the members of the own peer's group.
  MemberNames& names() { return names_; }

 private:
  Connection(Interrupts* interrupts, std::string peer, std::vector<std::string> indexes,
             std::shared_ptr<Dialer> dialer, const ConnectionOptions& options);

  CallWatch watch_;
  PeerConnection peer_;
  GroupDialer dialer_;
  IndexConnection index_;
  MemberNames names_;
  OtherPeers others_;
  HealthCheck health_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_CONNECTION_H_
