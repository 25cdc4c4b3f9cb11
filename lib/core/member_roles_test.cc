#include "lib/core/member_roles.h"

#include <absl/strings/match.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

TEST(MemberRolesTest, EachMethodHasItsRoles) {
  const std::map<std::string, std::string> table = {
      {"Register", "full reader"},
      {"Announce", "full reader"},
      {"Unregister", "full reader"},
      {"UpdateOwner", "full"},
      {"Search", "full reader watcher"},
      {"ListPeers", "full reader watcher"},
      {"ListBooks", "full reader watcher"},
      {"Watch", "full reader watcher"},
      {"CallPeer", "full reader"},
      {"ListMembers", "full reader watcher"},
      {"Ping", "full reader watcher"},
      {"GetManifest", "full reader"},
      {"WatchPieces", "full reader"},
      {"Download", "full reader"},
      {"DownloadMany", "full reader"},
      {"ReportMismatch", "full reader"},
      {"Release", "full"},
      {"Confirm", "full reader"},
      {"Unknown", ""},
  };
  for (const auto& [method, roles] : table) {
    for (const MemberRole role : {MemberRole::kFull, MemberRole::kReader, MemberRole::kWatcher}) {
      const bool allowed = absl::StrContains(roles, RoleName(role));
      const absl::Status status = CheckRole(role, method);
      EXPECT_EQ(status.ok(), allowed) << method << " " << RoleName(role);
      EXPECT_EQ(GetReason(status), allowed ? Reason::kUnspecified : Reason::kRoleForbids);
    }
  }
}

}  // namespace
}  // namespace arkshare
