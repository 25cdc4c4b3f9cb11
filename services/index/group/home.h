// The folder of a group, and the key of its index in it.
#ifndef ARKSHARE_SERVICES_INDEX_GROUP_HOME_H_
#define ARKSHARE_SERVICES_INDEX_GROUP_HOME_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>

#include "lib/core/key.h"
#include "lib/core/member_list.h"
#include "services/index/files/state_lock.h"

namespace arkshare {

// Makes the folder with mode 0700, if there is none. InvalidArgument when it cannot be used, or
// other users can look into it.
absl::Status MakeHome(const std::string& home);
// Returns the lock that the process that uses the folder holds. InvalidArgument when another
// process has it.
absl::StatusOr<std::unique_ptr<StateLock>> LockHome(const std::string& home);

// Read what is in the folder; nothing when there is none. InvalidArgument names a file that cannot
// be read or is damaged, with what to do.
absl::StatusOr<std::optional<std::string>> ReadHomeFile(const std::string& path);
absl::StatusOr<std::optional<PrivateKey>> ReadKeyFile(const std::string& home);
absl::StatusOr<MemberList> ReadMembersFile(const std::string& home, const PublicKey& index);

// Writes the key durably. Requires the lock, and that there is no other key.
absl::Status WriteKeyFile(const std::string& home, const PrivateKey& key);

// Gives the folder a key, and makes the folder if need be. Returns false when it has this key
// already. FailedPrecondition, and nothing has changed: an index runs with the folder, it has
// another key, or a list of members of another key.
absl::StatusOr<bool> ImportKey(const std::string& home, const PrivateKey& key);

// Name the files of the folder.
std::string MembersFile(const std::string& home);
std::string InvitationsFile(const std::string& home);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_GROUP_HOME_H_
