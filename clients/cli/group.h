// The group of the own peer: what a program of its owner needs to call as this peer.
#ifndef ARKSHARE_CLIENTS_CLI_GROUP_H_
#define ARKSHARE_CLIENTS_CLI_GROUP_H_

#include <absl/status/statusor.h>

#include "arkshare/v1/peer.pb.h"
#include "clients/cli/peer_names.h"
#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"

namespace arkshare {

struct Group {
  LeafCertificate leaf;
  // The key that the index must prove.
  PublicKey index;
  PeerNames names;
};

// Checks what the peer exports. kAnswerInvalid says what is wrong with it.
absl::StatusOr<Group> GroupFromProto(const v1::ExportTlsResponse& exported);

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_GROUP_H_
