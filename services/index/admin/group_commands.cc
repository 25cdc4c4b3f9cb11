#include "services/index/admin/group_commands.h"

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/ascii.h>
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
#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"
#include "lib/core/member_list.h"
#include "lib/files/tls_folder.h"
#include "lib/options/options.h"
#include "lib/rpc/convert.h"
#include "services/index/admin/admin_client.h"
#include "services/index/admin/command_parts.h"
#include "services/index/admin/key_commands.h"
#include "services/index/admin/qr_code.h"
#include "services/index/group/invitations.h"

namespace arkshare {
namespace {

using Stub = v1::AdminService::Stub;

constexpr size_t kShownKeyDigits = 12;

std::string RoleOf(v1::MemberRole role) {
  return std::string(RoleName(static_cast<MemberRole>(role)));
}

// "ada" or, without a name, "-".
std::string NameOf(const std::string& name) { return name.empty() ? "-" : EscapeForDisplay(name); }

std::string ShortKey(const std::string& key) { return ToHex(key).substr(0, kShownKeyDigits); }

int RunInvite(int argc, const char* const* argv) {
  std::string home;
  v1::InviteRequest request;
  std::vector<std::string> addresses;
  std::string role = "full";
  std::string name;
  bool qr = false;
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
  app->add_flag("--qr", qr, "Draw the word as a QR code as well, on stderr");
  if (const std::optional<int> exit_code = ParseOptions(*app, argc, argv)) return *exit_code;
  if (qr && !IsUtf8Terminal()) {
    return Report(MakeError(Reason::kInvalidField,
                            "--qr needs a terminal that shows UTF-8: if yours does, set "
                            "LC_ALL=C.UTF-8, otherwise leave it out"));
  }
  request.mutable_addresses()->Assign(addresses.begin(), addresses.end());
  request.set_role(RoleArgument(role));
  request.set_name(name);
  request.set_uses(uses);
  *request.mutable_life() = ToProto(life);
  const absl::StatusOr<v1::InviteResponse> invited = AdminClient(home).Call(&Stub::Invite, request);
  if (!invited.ok()) return Report(invited.status());
  std::cout << invited->word() << "\n" << std::flush;
  if (qr) {
    // Capitals make a smaller code, and the case of the word means nothing.
    const absl::StatusOr<std::string> drawn = DrawQrCode(absl::AsciiStrToUpper(invited->word()));
    if (!drawn.ok()) return Report(drawn.status());
    std::cerr << *drawn;
  }
  std::cerr << "A friend who has this word can join until " << LocalTime(invited->expires_at())
            << ", " << (uses == 1 ? std::string("once") : absl::StrCat(uses, " times"))
            << ". The friend starts arkshare-peer --share DIR --join WORD. To take "
               "it back: arkshare-index invitations cancel "
            << invited->id() << "\n";
  return kExitDone;
}

void WarnIfOutdated(const v1::ListGroupResponse& group) {
  if (group.newer_version_seen() == 0) return;
  std::cerr << "A peer has version " << group.newer_version_seen()
            << " of this list, which the index does not have; here is version "
            << group.members().version()
            << ". Import it from that peer: arkshare-index members import .arkshare/members\n";
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
  WarnIfOutdated(*group);
  return kExitDone;
}

// Changes the member whom `who` means.
template <typename Change>
int ChangeMember(AdminClient& client, const std::string& who, bool despite, Change change) {
  absl::StatusOr<v1::Member> member = client.FindMember(who);
  if (!member.ok()) return Report(member.status());
  v1::SetMemberRequest request;
  request.set_despite_newer_list(despite);
  change(*member);
  *request.mutable_member() = *std::move(member);
  return Report(client.Call(&Stub::SetMember, request).status());
}

int RemoveMember(AdminClient& client, const std::string& who, bool despite) {
  const absl::StatusOr<v1::Member> member = client.FindMember(who);
  if (!member.ok()) return Report(member.status());
  v1::RemoveMemberRequest request;
  request.set_public_key(member->public_key());
  request.set_despite_newer_list(despite);
  return Report(client.Call(&Stub::RemoveMember, request).status());
}

int AddMember(AdminClient& client, const std::string& key, const std::string& role,
              const std::string& name, bool despite) {
  v1::SetMemberRequest request;
  request.set_despite_newer_list(despite);
  request.mutable_member()->set_public_key(FromHex(key).value_or(""));
  request.mutable_member()->set_role(RoleArgument(role));
  request.mutable_member()->set_name(name);
  return Report(client.Call(&Stub::SetMember, request).status());
}

// Adds a client that is no peer, and writes the files with which it connects.
int AddClient(AdminClient& client, const std::string& name, const std::string& role,
              const std::string& folder, bool despite) {
  const absl::StatusOr<v1::ListGroupResponse> group =
      client.Call(&Stub::ListGroup, v1::ListGroupRequest());
  if (!group.ok()) return Report(group.status());
  std::string authorities;
  const auto add_server = [&](const std::string& bytes) {
    const absl::StatusOr<PublicKey> key = PublicKey::FromBytes(bytes);
    if (key.ok()) authorities += MakeTrustAnchor(*key);
  };
  add_server(group->index_public_key());
  for (const v1::Member& member : group->members().members()) add_server(member.public_key());
  // Its key signs this one certificate, and is not kept.
  const PrivateKey key = PrivateKey::Generate();
  // The files first, so that no member is without them after an error.
  if (absl::Status s = WriteTlsFolder(folder, MakeLeafCertificate(key, {}), authorities, nullptr);
      !s.ok()) {
    return Report(s);
  }
  const int exit_code = AddMember(client, key.public_key().hex(), role, name, despite);
  if (exit_code != kExitDone) {
    RemoveTlsFolder(folder);
    return exit_code;
  }
  std::cerr << "A program that has cert.pem, key.pem and ca.pem of " << folder
            << " is a member until you run: arkshare-index members remove "
            << ShortKey(key.public_key().bytes())
            << ". ca.pem knows the peers that are members now; later ones need new files.\n";
  return kExitDone;
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
  const absl::StatusOr<v1::ListGroupResponse> group =
      client.Call(&Stub::ListGroup, v1::ListGroupRequest());
  if (group.ok()) WarnIfOutdated(*group);
  return Report(group.status());
}

int RunMembers(int argc, const char* const* argv) {
  std::string home;
  std::string who;
  std::string name;
  std::string role = "full";
  std::string key;
  std::string path;
  std::string folder;
  bool despite = false;
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
  CLI::App* const add = AddPart(*app, "add", "Adds a member without an invitation");
  add->add_option("KEY", key, "The key, 64 hex digits; with --tls, the name of the new member")
      ->required();
  const CLI::Option* const add_role =
      add->add_option("--role", role, "What the member may do; with --tls, watcher if not given")
          ->check(IsRole())
          ->capture_default_str();
  CLI::Option* const add_name = add->add_option("--name", name, "Name of the member");
  add->add_option("--tls", folder,
                  "Folder for new files cert.pem, key.pem and ca.pem, with which a client that is "
                  "no peer connects, such as grpcurl")
      ->type_name("DIR")
      ->excludes(add_name);
  CLI::App* const import =
      AddPart(*app, "import", "Takes over a newer list, from .arkshare/members of a member");
  import->add_option("FILE", path, "The file")->required();
  for (CLI::App* const part : {rename, set_role, remove, add}) {
    part->add_flag("--despite-newer-list", despite,
                   "Change the list although a peer has a newer one, which is then lost");
  }
  if (const std::optional<int> exit_code = ParseOptions(*app, argc, argv)) return *exit_code;
  AdminClient client(home);
  if (rename->parsed()) {
    return ChangeMember(client, who, despite, [&](v1::Member& member) { member.set_name(name); });
  }
  if (set_role->parsed()) {
    return ChangeMember(client, who, despite,
                        [&](v1::Member& member) { member.set_role(RoleArgument(role)); });
  }
  if (remove->parsed()) return RemoveMember(client, who, despite);
  if (add->parsed() && folder.empty()) return AddMember(client, key, role, name, despite);
  if (add->parsed()) {
    return AddClient(client, key, add_role->count() == 0 ? "watcher" : role, folder, despite);
  }
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
  } kCommands[] = {{"invite", RunInvite},
                   {"members", RunMembers},
                   {"invitations", RunInvitations},
                   {"key", RunKeyCommand}};
  if (argc < 2) return std::nullopt;
  for (const auto& command : kCommands) {
    if (command.name == argv[1]) return command.run(argc - 1, argv + 1);
  }
  return std::nullopt;
}

}  // namespace arkshare
