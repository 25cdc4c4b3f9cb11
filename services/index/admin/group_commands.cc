#include "services/index/admin/group_commands.h"

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/core/book_name.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/member_list.h"
#include "lib/options/options.h"
#include "lib/rpc/convert.h"
#include "services/index/admin/admin_client.h"
#include "services/index/group/invitations.h"

namespace arkshare {
namespace {

using Stub = v1::AdminService::Stub;

constexpr size_t kShownKeyDigits = 12;

int Report(const absl::Status& status) {
  if (status.ok()) return kExitDone;
  std::cerr << "arkshare-index: " << EscapeForDisplay(status.message()) << "\n";
  return GetReason(status) == Reason::kInvalidField ? kExitUsage : kExitFailed;
}

std::string RoleOf(v1::MemberRole role) {
  return std::string(RoleName(static_cast<MemberRole>(role)));
}

// "ada" or, without a name, "-".
std::string NameOf(const std::string& name) { return name.empty() ? "-" : EscapeForDisplay(name); }

std::string ShortKey(const std::string& key) { return ToHex(key).substr(0, kShownKeyDigits); }

v1::MemberRole RoleArgument(const std::string& role) {
  return static_cast<v1::MemberRole>(RoleFromName(role).value_or(MemberRole::kFull));
}

CLI::Validator IsRole() {
  return CLI::IsMember({"full", "reader", "watcher"}).description("full|reader|watcher");
}

// An app with --home. `program` is the command as people type it.
std::unique_ptr<CLI::App> MakeCommand(const std::string& program, const std::string& description,
                                      std::string& home) {
  std::unique_ptr<CLI::App> app = MakeApp(program, description);
  app->add_option("--home", home, "The --home of the index")->type_name("DIR")->required();
  return app;
}

// A part of a command, after which --home can follow.
CLI::App* AddPart(CLI::App& app, const std::string& name, const std::string& description) {
  return app.add_subcommand(name, description)->fallthrough();
}

int RunInvite(int argc, const char* const* argv) {
  std::string home;
  v1::InviteRequest request;
  std::vector<std::string> addresses;
  std::string role = "full";
  std::string name;
  uint32_t uses = 1;
  absl::Duration life = absl::Hours(72);
  const auto app = MakeCommand("arkshare-index invite",
                               "Prints a word with which a friend joins the group.", home);
  app->add_option("--address", addresses, "HOST:PORT of the index, as the friend reaches it")
      ->type_name("ADDRESS")
      ->required();
  app->add_option("--role", role, "What the friend may do")->check(IsRole())->capture_default_str();
  app->add_option("--name", name, "Name of the new member");
  app->add_option("--uses", uses, "How many can join with the word, 1 to 100")
      ->check(CLI::Range(uint32_t{1}, kMaxInvitationUses))
      ->capture_default_str();
  AddDuration(*app, "--expires", life, "How long the word can be used, at most 720h",
              absl::Seconds(1));
  if (const std::optional<int> exit_code = ParseOptions(*app, argc, argv)) return *exit_code;
  request.mutable_addresses()->Assign(addresses.begin(), addresses.end());
  request.set_role(RoleArgument(role));
  request.set_name(name);
  request.set_uses(uses);
  *request.mutable_life() = ToProto(life);
  const absl::StatusOr<v1::InviteResponse> invited = AdminClient(home).Call(&Stub::Invite, request);
  if (!invited.ok()) return Report(invited.status());
  std::cout << invited->word() << "\n" << std::flush;
  std::cerr << "A friend who has this word can join until " << LocalTime(invited->expires_at())
            << ", " << (uses == 1 ? std::string("once") : absl::StrCat(uses, " times"))
            << ". The friend starts arkshare-peer --share DIR --join WORD. To take "
               "it back: arkshare-index invitations cancel "
            << invited->id() << "\n";
  return kExitDone;
}

int ListMembers(AdminClient& client) {
  const absl::StatusOr<v1::ListGroupResponse> group =
      client.Call(&Stub::ListGroup, v1::ListGroupRequest());
  if (!group.ok()) return Report(group.status());
  for (const v1::Member& member : group->members().members()) {
    std::cout << ShortKey(member.public_key()) << "  " << RoleOf(member.role()) << "  "
              << NameOf(member.name()) << "\n";
  }
  if (group->members().members().empty()) std::cerr << "the group has no members yet\n";
  return kExitDone;
}

// Changes the member whom `who` means.
template <typename Change>
int ChangeMember(AdminClient& client, const std::string& who, Change change) {
  absl::StatusOr<v1::Member> member = client.FindMember(who);
  if (!member.ok()) return Report(member.status());
  v1::SetMemberRequest request;
  change(*member);
  *request.mutable_member() = *std::move(member);
  return Report(client.Call(&Stub::SetMember, request).status());
}

int RemoveMember(AdminClient& client, const std::string& who) {
  const absl::StatusOr<v1::Member> member = client.FindMember(who);
  if (!member.ok()) return Report(member.status());
  v1::RemoveMemberRequest request;
  request.set_public_key(member->public_key());
  return Report(client.Call(&Stub::RemoveMember, request).status());
}

int AddMember(AdminClient& client, const std::string& key, const std::string& role,
              const std::string& name) {
  v1::SetMemberRequest request;
  request.mutable_member()->set_public_key(FromHex(key).value_or(""));
  request.mutable_member()->set_role(RoleArgument(role));
  request.mutable_member()->set_name(name);
  return Report(client.Call(&Stub::SetMember, request).status());
}

int ImportMembers(AdminClient& client, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  v1::ImportMembersRequest request;
  request.set_text(std::string(std::istreambuf_iterator<char>(file), {}));
  if (!file) {
    return Report(MakeError(Reason::kInvalidField,
                            absl::StrCat("cannot read ", path, ", which must be the file ",
                                         ".arkshare/members of a member")));
  }
  const absl::StatusOr<v1::ImportMembersResponse> imported =
      client.Call(&Stub::ImportMembers, request);
  if (!imported.ok()) return Report(imported.status());
  std::cout << "the group has " << imported->members() << " members (version "
            << imported->version() << ")\n";
  return kExitDone;
}

int RunMembers(int argc, const char* const* argv) {
  std::string home;
  std::string who;
  std::string name;
  std::string role = "full";
  std::string key;
  std::string path;
  const auto app =
      MakeCommand("arkshare-index members", "Lists and changes the members of the group.", home);
  app->require_subcommand(0, 1);
  constexpr char kWho[] = "The member: a name, or four or more digits of the key";
  // The standard, also without its name.
  AddPart(*app, "list", "Prints key, role and name of each member");
  CLI::App* const rename = AddPart(*app, "rename", "Gives a member another name");
  rename->add_option("MEMBER", who, kWho)->required();
  rename->add_option("NAME", name, "The new name")->required();
  CLI::App* const set_role = AddPart(*app, "role", "Gives a member another role");
  set_role->add_option("MEMBER", who, kWho)->required();
  set_role->add_option("ROLE", role, "The new role")->required()->check(IsRole());
  CLI::App* const remove = AddPart(*app, "remove", "Removes a member for good");
  remove->add_option("MEMBER", who, kWho)->required();
  CLI::App* const add = AddPart(*app, "add", "Adds a key without an invitation");
  add->add_option("KEY", key, "The key, 64 hex digits")->required();
  add->add_option("--role", role, "What the member may do")->check(IsRole())->capture_default_str();
  add->add_option("--name", name, "Name of the member");
  CLI::App* const import =
      AddPart(*app, "import", "Takes over a newer list, from .arkshare/members of a member");
  import->add_option("FILE", path, "The file")->required();
  if (const std::optional<int> exit_code = ParseOptions(*app, argc, argv)) return *exit_code;
  AdminClient client(home);
  if (rename->parsed()) {
    return ChangeMember(client, who, [&](v1::Member& member) { member.set_name(name); });
  }
  if (set_role->parsed()) {
    return ChangeMember(client, who,
                        [&](v1::Member& member) { member.set_role(RoleArgument(role)); });
  }
  if (remove->parsed()) return RemoveMember(client, who);
  if (add->parsed()) return AddMember(client, key, role, name);
  if (import->parsed()) return ImportMembers(client, path);
  return ListMembers(client);
}

// "open", or why the invitation cannot be used any more.
std::string StateOf(const v1::ListInvitationsResponse::Invitation& invitation) {
  if (invitation.cancelled()) return "cancelled";
  if (static_cast<uint32_t>(invitation.used_by_public_keys_size()) >= invitation.uses()) {
    return "used";
  }
  if (absl::FromUnixSeconds(invitation.expires_at().seconds()) <= absl::Now()) return "expired";
  return "open";
}

int RunInvitations(int argc, const char* const* argv) {
  std::string home;
  std::string id;
  const auto app =
      MakeCommand("arkshare-index invitations", "Lists and cancels invitations.", home);
  app->require_subcommand(0, 1);
  AddPart(*app, "list", "Prints ID, state, uses, expiry, role and name of each invitation");
  CLI::App* const cancel = AddPart(*app, "cancel", "Takes an invitation back; its members stay");
  cancel->add_option("ID", id, "The invitation, 16 hex digits")->required();
  if (const std::optional<int> exit_code = ParseOptions(*app, argc, argv)) return *exit_code;
  AdminClient client(home);
  if (cancel->parsed()) {
    v1::CancelInvitationRequest request;
    request.set_id(id);
    return Report(client.Call(&Stub::CancelInvitation, request).status());
  }
  const absl::StatusOr<v1::ListInvitationsResponse> all =
      client.Call(&Stub::ListInvitations, v1::ListInvitationsRequest());
  if (!all.ok()) return Report(all.status());
  for (const auto& invitation : all->invitations()) {
    std::cout << invitation.id() << "  " << StateOf(invitation) << "  "
              << invitation.used_by_public_keys_size() << "/" << invitation.uses() << "  "
              << LocalTime(invitation.expires_at()) << "  " << RoleOf(invitation.role()) << "  "
              << NameOf(invitation.name()) << "\n";
  }
  if (all->invitations().empty()) std::cerr << "there are no invitations\n";
  return kExitDone;
}

}  // namespace

std::optional<int> RunGroupCommand(int argc, const char* const* argv) {
  static constexpr struct {
    absl::string_view name;
    int (*run)(int, const char* const*);
  } kCommands[] = {{"invite", RunInvite}, {"members", RunMembers}, {"invitations", RunInvitations}};
  if (argc < 2) return std::nullopt;
  for (const auto& command : kCommands) {
    if (command.name == argv[1]) return command.run(argc - 1, argv + 1);
  }
  return std::nullopt;
}

}  // namespace arkshare
