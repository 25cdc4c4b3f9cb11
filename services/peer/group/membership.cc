#include "services/peer/group/membership.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include <utility>

#include "lib/core/content_id.h"
#include "lib/core/log.h"
#include "lib/rpc/member_protos.h"
#include "lib/rpc/targets.h"

namespace arkshare {
namespace {

constexpr char kMembershipFile[] = "membership";
constexpr char kMembersFile[] = "members";
constexpr absl::string_view kMembershipFirstLine = "arkshare-membership 1";

absl::Status DamagedMembership(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the file .arkshare/membership in the shared folder is damaged (", why,
      "): restore it from a backup, or start with --leave and join again with a new invitation"));
}

absl::StatusOr<GroupOfPeer> ParseMembership(absl::string_view text) {
  GroupOfPeer group;
  bool has_key = false;
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  if (lines.empty() || lines[0] != kMembershipFirstLine) {
    return DamagedMembership(absl::StrCat("it does not begin with ", kMembershipFirstLine));
  }
  lines.erase(lines.begin());
  for (absl::string_view line : lines) {
    if (absl::ConsumePrefix(&line, "index ")) {
      absl::StatusOr<std::string> bytes = FromHex(line);
      absl::StatusOr<PublicKey> key =
          bytes.ok() ? PublicKey::FromBytes(*bytes) : absl::StatusOr<PublicKey>(bytes.status());
      if (!key.ok()) return DamagedMembership("its key of the index is none");
      group.index = *key;
      has_key = true;
    } else if (absl::ConsumePrefix(&line, "address ")) {
      if (!CheckTarget("address", std::string(line)).ok()) {
        return DamagedMembership("an address is no HOST:PORT");
      }
      group.addresses.emplace_back(line);
    } else {
      return DamagedMembership("a line is neither index nor address");
    }
  }
  if (!has_key || group.addresses.empty()) {
    return DamagedMembership("the key or the address of the index is missing");
  }
  return group;
}

MemberList LoadMembers(const StateFiles& files, const PublicKey& index) {
  const absl::StatusOr<std::optional<std::string>> text = files.Read(kMembersFile);
  absl::StatusOr<MemberList> list = MemberList();
  if (!text.ok()) {
    list = text.status();
  } else if (text->has_value()) {
    list = MemberList::FromText(**text, index);
  }
  if (list.ok()) return *std::move(list);
  LogWarning("members_not_read", {{"why", list.status()}});
  return MemberList();
}

}  // namespace

absl::StatusOr<std::optional<GroupOfPeer>> LoadGroup(const StateFiles& files) {
  absl::StatusOr<std::optional<std::string>> text = files.Read(kMembershipFile);
  if (!text.ok()) return text.status();
  if (!text->has_value()) return std::nullopt;
  absl::StatusOr<GroupOfPeer> group = ParseMembership(**text);
  if (!group.ok()) return group.status();
  return *std::move(group);
}

absl::Status SaveGroup(const StateFiles& files, const GroupOfPeer& group, const MemberList& list) {
  std::string text = absl::StrCat(kMembershipFirstLine, "\nindex ", group.index.hex(), "\n");
  for (const std::string& address : group.addresses) {
    absl::StrAppend(&text, "address ", address, "\n");
  }
  // Last the file that makes this peer a member.
  if (absl::Status s = files.Write(kMembersFile, list.ToText()); !s.ok()) return s;
  return files.Write(kMembershipFile, text);
}

absl::Status RemoveGroup(const StateFiles& files) {
  if (absl::Status s = files.Remove(kMembershipFile); !s.ok()) return s;
  return files.Remove(kMembersFile);
}

Membership::Membership(const StateFiles* files, GroupOfPeer group, const PublicKey& self)
    : files_(files),
      group_(std::move(group)),
      self_(self),
      list_(std::make_shared<const MemberList>(LoadMembers(*files, group_.index))) {}

std::shared_ptr<const MemberList> Membership::list() const {
  MutexLock lock(&mutex_);
  return list_;
}

std::optional<Member> Membership::self() const {
  const std::shared_ptr<const MemberList> now = list();
  const Member* const found = now->Find(self_);
  return found == nullptr ? std::nullopt : std::optional<Member>(*found);
}

uint64_t Membership::version_to_announce() const {
  MutexLock lock(&mutex_);
  return whole_list_wanted_ ? 0 : list_->version();
}

absl::Status Membership::Apply(const v1::MembersUpdate& update) {
  MutexLock changing(&changing_);
  absl::StatusOr<MemberList> applied = ApplyUpdate(*list(), update, group_.index);
  {
    MutexLock lock(&mutex_);
    whole_list_wanted_ = !applied.ok();
    if (applied.ok()) list_ = std::make_shared<const MemberList>(*applied);
  }
  if (!applied.ok()) return applied.status();
  LogInfo("members_changed",
          {{"version", applied->version()}, {"members", applied->members().size()}});
  if (listener_) listener_(*applied);
  if (absl::Status s = files_->Write(kMembersFile, applied->ToText()); !s.ok()) {
    LogWarning("members_not_saved", {{"why", s}});
  }
  return absl::OkStatus();
}

void Membership::SetListener(Listener listener) {
  MutexLock changing(&changing_);
  listener_ = std::move(listener);
}

}  // namespace arkshare
