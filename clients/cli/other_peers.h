// The CLI's calls to other peers.
#ifndef ARKSHARE_CLIENTS_CLI_OTHER_PEERS_H_
#define ARKSHARE_CLIENTS_CLI_OTHER_PEERS_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <memory>
#include <string>

#include "arkshare/v1/file.grpc.pb.h"
#include "clients/cli/call_watch.h"
#include "clients/cli/group_dialer.h"
#include "lib/core/key.h"

namespace arkshare {

// Errors are as in Connection. Not thread-safe.
class OtherPeers {
 public:
  // Both must outlive it.
  OtherPeers(const CallWatch* watch, GroupDialer* dialer) : watch_(watch), dialer_(dialer) {}

  // Connects to the FileService at `address`. kPeerUnreachable after `timeout`. In a group also
  // kWrongKey, when the peer there does not have `key`, and kHandshakeRefused.
  absl::StatusOr<std::unique_ptr<v1::FileService::Stub>> Connect(const std::string& address,
                                                                 const PublicKey& key,
                                                                 absl::Duration timeout);
  // Calls Ping once. `server` names the peer in the message of an error.
  absl::StatusOr<v1::PingResponse> Ping(v1::FileService::Stub& stub, const v1::PingRequest& request,
                                        const std::string& server);

 private:
  const CallWatch* const watch_;
  GroupDialer* const dialer_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_OTHER_PEERS_H_
