#include "services/index/admin/command_parts.h"

#include <iostream>

#include "lib/core/book_name.h"
#include "lib/core/errors.h"
#include "lib/core/member_list.h"

namespace arkshare {

int Report(const absl::Status& status) {
  if (status.ok()) return kExitDone;
  std::cerr << "arkshare-index: " << EscapeForDisplay(status.message()) << "\n";
  return GetReason(status) == Reason::kInvalidField ? kExitUsage : kExitFailed;
}

std::unique_ptr<CLI::App> MakeCommand(const std::string& program, const std::string& description,
                                      std::string& home) {
  std::unique_ptr<CLI::App> app = MakeApp(program, description);
  app->add_option("--home", home, "The --home of the index")->type_name("DIR")->required();
  return app;
}

CLI::App* AddPart(CLI::App& app, const std::string& name, const std::string& description) {
  return app.add_subcommand(name, description)->fallthrough();
}

CLI::Validator IsRole() {
  return CLI::IsMember({"full", "reader", "watcher"}).description("full|reader|watcher");
}

v1::MemberRole RoleArgument(const std::string& role) {
  return static_cast<v1::MemberRole>(RoleFromName(role).value_or(MemberRole::kFull));
}

}  // namespace arkshare
