// The parts that the commands of a group's owner have in common.
#ifndef ARKSHARE_SERVICES_INDEX_ADMIN_COMMAND_PARTS_H_
#define ARKSHARE_SERVICES_INDEX_ADMIN_COMMAND_PARTS_H_

#include <absl/status/status.h>

#include <memory>
#include <string>

#include "arkshare/v1/types.pb.h"
#include "lib/options/options.h"

namespace arkshare {

// Writes an error to stderr. Returns the exit code.
int Report(const absl::Status& status);

// Makes an app with --home. `program` is the command as people type it.
std::unique_ptr<CLI::App> MakeCommand(const std::string& program, const std::string& description,
                                      std::string& home);
// Adds a part of a command, after which --home can follow.
CLI::App* AddPart(CLI::App& app, const std::string& name, const std::string& description);

// "full", "reader" or "watcher", and their meaning.
CLI::Validator IsRole();
v1::MemberRole RoleArgument(const std::string& role);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ADMIN_COMMAND_PARTS_H_
