// Makes this peer a member of a group, with the word of an invitation.
#ifndef ARKSHARE_SERVICES_PEER_GROUP_JOIN_GROUP_H_
#define ARKSHARE_SERVICES_PEER_GROUP_JOIN_GROUP_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>

#include "lib/core/key.h"
#include "services/peer/disk/state_files.h"

namespace arkshare {

// Joins the group of `word`, and makes the membership durable (SaveGroup). Does nothing when this
// peer is in that group already. When it ends before the membership is durable, join again with the
// same word: the index gives the same key the same answer. Blocks for some seconds for each address
// of the invitation.
//
// `key` is this peer's; `name` is for people, and may be empty (see JoinRequest.name).
//
// Errors, for people: InvalidArgument when the word is mistyped or no invitation, or the name is
// bad; FailedPrecondition when this peer is in another group; kWrongKey when another program
// answers at the address; kInvitationUsed, kInvitationExpired; kIndexUnreachable;
// kHandshakeRefused when the index does not know the invitation.
absl::Status JoinGroup(const StateFiles& files, const PrivateKey& key, const std::string& word,
                       const std::string& name);

// Leaves the group of the peer that shares the folder `share`, which must not run. Returns whether
// it was in one. Errors: SharedFolder::Open.
absl::StatusOr<bool> LeaveGroup(const std::string& share);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_GROUP_JOIN_GROUP_H_
