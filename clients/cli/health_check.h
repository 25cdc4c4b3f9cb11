// Whether a server serves.
#ifndef ARKSHARE_CLIENTS_CLI_HEALTH_CHECK_H_
#define ARKSHARE_CLIENTS_CLI_HEALTH_CHECK_H_

#include <absl/status/statusor.h>
#include <grpcpp/channel.h>

#include <memory>
#include <optional>
#include <string>

#include "arkshare/v1/index.grpc.pb.h"
#include "clients/cli/call_watch.h"
#include "clients/cli/group_dialer.h"
#include "clients/cli/member_names.h"
#include "lib/core/key.h"

namespace arkshare {

// Errors are as in Connection. Not thread-safe.
class HealthCheck {
 public:
  // All must outlive it.
  HealthCheck(const CallWatch* watch, GroupDialer* dialer, MemberNames* names)
      : watch_(watch), dialer_(dialer), names_(names) {}

  struct Health {
    bool serving = false;
    std::optional<v1::ReplicaState> replica;  // of an index that has replicas, and serves
  };
  // Asks the server at `address` ("HOST:PORT" or "unix:PATH") over grpc.health.v1 whether it
  // serves. kPeerUnreachable when no server answers. In a group, a server on a port must prove the
  // key of the index or of a member: else kWrongKey.
  absl::StatusOr<Health> Check(const std::string& address);

 private:
  // Asks an index how its replica is. Nothing of a peer, of an index without replicas, or when the
  // call fails.
  std::optional<v1::ReplicaState> AskForReplica(const std::shared_ptr<grpc::Channel>& channel);
  // In a group, the key of the member or of the index at `address`; else nothing.
  absl::StatusOr<std::optional<PublicKey>> ProvenKey(const std::string& address);

  const CallWatch* const watch_;
  GroupDialer* const dialer_;
  MemberNames* const names_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_HEALTH_CHECK_H_
