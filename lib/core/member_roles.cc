#include "lib/core/member_roles.h"

#include <absl/strings/str_cat.h>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

// The roles that may call a method, by their order: each may do all that the next one may.
struct RoleRow {
  absl::string_view method;
  MemberRole least;
};

// A reader registers to learn of changes of the list of members; the index lists nothing of it.
constexpr RoleRow kRoleRows[] = {
    // IndexService
    {"Register", MemberRole::kReader},
    {"Announce", MemberRole::kReader},
    {"Search", MemberRole::kWatcher},
    {"UpdateOwner", MemberRole::kFull},
    {"Unregister", MemberRole::kReader},
    {"CallPeer", MemberRole::kReader},
    {"ListPeers", MemberRole::kWatcher},
    {"ListBooks", MemberRole::kWatcher},
    {"Watch", MemberRole::kWatcher},
    {"ListMembers", MemberRole::kWatcher},
    // FileService. A reader whose role was lowered during a move still confirms it.
    {"Ping", MemberRole::kWatcher},
    {"GetManifest", MemberRole::kReader},
    {"WatchPieces", MemberRole::kReader},
    {"Download", MemberRole::kReader},
    {"DownloadMany", MemberRole::kReader},
    {"ReportMismatch", MemberRole::kReader},
    {"Release", MemberRole::kFull},
    {"Confirm", MemberRole::kReader},
};

bool MayCall(MemberRole role, absl::string_view method) {
  for (const RoleRow& row : kRoleRows) {
    if (row.method == method) return role <= row.least;
  }
  return false;
}

}  // namespace

absl::Status CheckRole(MemberRole role, absl::string_view method) {
  if (MayCall(role, method)) return absl::OkStatus();
  return MakeError(Reason::kRoleForbids,
                   absl::StrCat("your role in this group is ", RoleName(role), ", which does not ",
                                "allow ", method, ": ask the owner of the index for another role"));
}

}  // namespace arkshare
