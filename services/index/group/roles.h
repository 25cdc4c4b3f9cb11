// The calls that each role of a group may make at the index.
#ifndef ARKSHARE_SERVICES_INDEX_GROUP_ROLES_H_
#define ARKSHARE_SERVICES_INDEX_GROUP_ROLES_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "lib/core/member_list.h"

namespace arkshare {

// OK when members of `role` may call `method` of IndexService, such as "Search". kRoleForbids says
// whom to ask. Join is not in the table: its callers are no members yet.
absl::Status CheckRole(MemberRole role, absl::string_view method);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_GROUP_ROLES_H_
