// The calls that each role of a group may make, at the index and at other peers.
#ifndef ARKSHARE_LIB_CORE_MEMBER_ROLES_H_
#define ARKSHARE_LIB_CORE_MEMBER_ROLES_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "lib/core/member_list.h"

namespace arkshare {

// OK when members of `role` may call `method` of IndexService or FileService, such as "Search".
// kRoleForbids says whom to ask. Join is not in the table: its callers are no members yet.
absl::Status CheckRole(MemberRole role, absl::string_view method);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_MEMBER_ROLES_H_
