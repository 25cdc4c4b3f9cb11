#include "services/index/group/home_store.h"

#include <absl/strings/str_cat.h>

#include <optional>
#include <utility>

#include "lib/core/failpoint.h"
#include "lib/files/atomic_file.h"
#include "services/index/group/home.h"

namespace arkshare {
namespace {

absl::StatusOr<Invitations> ReadInvitationsFile(const std::string& home) {
  const std::string path = InvitationsFile(home);
  const absl::StatusOr<std::optional<std::string>> text = ReadHomeFile(path);
  if (!text.ok()) return text.status();
  if (!text->has_value()) return Invitations();
  absl::StatusOr<Invitations> invitations = Invitations::FromText(**text);
  if (invitations.ok()) return invitations;
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is damaged (", invitations.status().message(),
                   "): remove it, and invite again those who have not joined yet"));
}

absl::Status WriteInvitations(const std::string& home, const GroupContents& before,
                              const GroupContents& after) {
  if (after.invitations == before.invitations) return absl::OkStatus();
  return WriteFileAtomically(InvitationsFile(home), after.invitations->ToText());
}

absl::Status WriteMembers(const std::string& home, const GroupContents& before,
                          const GroupContents& after) {
  if (after.members == before.members) return absl::OkStatus();
  return WriteFileAtomically(MembersFile(home), after.members->ToText());
}

}  // namespace

absl::StatusOr<GroupContents> ReadHome(const std::string& home, const PublicKey& index) {
  absl::StatusOr<MemberList> members = ReadMembersFile(home, index);
  if (!members.ok()) return members.status();
  absl::StatusOr<Invitations> invitations = ReadInvitationsFile(home);
  if (!invitations.ok()) return invitations.status();
  GroupContents contents;
  contents.SetMembers(*std::move(members));
  contents.SetInvitations(*std::move(invitations));
  return contents;
}

absl::Status WriteHome(const std::string& home, const GroupContents& before,
                       const GroupContents& after) {
  if (absl::Status s = WriteInvitations(home, before, after); !s.ok()) return s;
  return WriteMembers(home, before, after);
}

HomeStore::HomeStore(std::string home, GroupContents contents)
    : home_(std::move(home)),
      contents_(std::make_shared<const GroupContents>(std::move(contents))) {}

void HomeStore::SetListener(Listener listener) { listener_ = std::move(listener); }

GroupContentsPtr HomeStore::Read() const {
  MutexLock lock(&mutex_);
  return contents_;
}

absl::Status HomeStore::Write(const GroupContentsPtr& before, const GroupContents& after) {
  if (absl::Status s = WriteInvitations(home_, *before, after); !s.ok()) return s;
  // They hold also when the list of members cannot be written.
  GroupContents invited = *before;
  invited.invitations = after.invitations;
  Publish(std::move(invited));
  if (after.members == before->members) return absl::OkStatus();
  if (after.invitations != before->invitations) ARKSHARE_FAILPOINT("index.invitation_used");
  if (absl::Status s = WriteMembers(home_, *before, after); !s.ok()) return s;
  ARKSHARE_FAILPOINT("index.members_saved");
  Publish(after);
  if (listener_) listener_(after.members);
  return absl::OkStatus();
}

void HomeStore::Publish(GroupContents contents) {
  auto shared = std::make_shared<const GroupContents>(std::move(contents));
  MutexLock lock(&mutex_);
  contents_ = std::move(shared);
}

}  // namespace arkshare
