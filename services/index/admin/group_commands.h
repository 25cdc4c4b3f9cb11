// The commands of a group's owner: arkshare-index invite, members, invitations, key.
#ifndef ARKSHARE_SERVICES_INDEX_ADMIN_GROUP_COMMANDS_H_
#define ARKSHARE_SERVICES_INDEX_ADMIN_GROUP_COMMANDS_H_

#include <optional>

namespace arkshare {

// Runs the command that argv[1] names, and returns the exit code of the program. Nothing when it
// names none: the program is to be an index.
std::optional<int> RunGroupCommand(int argc, const char* const* argv);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ADMIN_GROUP_COMMANDS_H_
