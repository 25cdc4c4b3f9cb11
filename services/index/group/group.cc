#include "services/index/group/group.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/invitation.h"
#include "lib/core/log.h"
#include "lib/files/atomic_file.h"
#include "services/index/group/home.h"

namespace arkshare {
namespace {

absl::StatusOr<PrivateKey> LoadKey(const std::string& home) {
  const absl::StatusOr<std::optional<PrivateKey>> there = ReadKeyFile(home);
  if (!there.ok()) return there.status();
  if (there->has_value()) return **there;
  PrivateKey key = PrivateKey::Generate();
  if (absl::Status written = WriteKeyFile(home, key); !written.ok()) return written;
  return key;
}

absl::StatusOr<Invitations> LoadInvitations(const std::string& home) {
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

}  // namespace

absl::StatusOr<std::unique_ptr<Group>> Group::Open(const std::string& home, const Clock* clock) {
  if (absl::Status made = MakeHome(home); !made.ok()) return made;
  absl::StatusOr<std::unique_ptr<StateLock>> lock = LockHome(home);
  if (!lock.ok()) return lock.status();
  absl::StatusOr<PrivateKey> key = LoadKey(home);
  if (!key.ok()) return key.status();
  absl::StatusOr<MemberList> members = ReadMembersFile(home, key->public_key());
  if (!members.ok()) return members.status();
  absl::StatusOr<Invitations> invitations = LoadInvitations(home);
  if (!invitations.ok()) return invitations.status();
  return std::unique_ptr<Group>(new Group(home, *std::move(lock), *std::move(key),
                                          *std::move(members), *std::move(invitations), clock));
}

Group::Group(std::string home, std::unique_ptr<StateLock> lock, PrivateKey key, MemberList members,
             Invitations invitations, const Clock* clock)
    : home_(std::move(home)),
      lock_(std::move(lock)),
      key_(std::move(key)),
      clock_(clock),
      members_(std::make_shared<const MemberList>(std::move(members))),
      digest_(members_->Digest()),
      invitations_(std::make_shared<const Invitations>(std::move(invitations))) {}

std::shared_ptr<const MemberList> Group::members() const {
  MutexLock lock(&mutex_);
  return members_;
}

Invitations Group::invitations() const {
  MutexLock lock(&mutex_);
  return *invitations_;
}

void Group::SetListener(Listener listener) {
  MutexLock lock(&changing_);
  listener_ = std::move(listener);
}

absl::Status Group::Admit(const LeafClaims& caller) const {
  std::shared_ptr<const Invitations> invitations;
  {
    MutexLock lock(&mutex_);
    if (members_->Find(caller.key) != nullptr) return absl::OkStatus();
    invitations = invitations_;
  }
  if (caller.join.has_value()) {
    const IssuedInvitation* const invitation = invitations->Find(caller.join->invitation_id);
    if (invitation != nullptr &&
        IsJoinProofOf(*caller.join, invitation->secret, key_.public_key(), caller.key)) {
      return absl::OkStatus();
    }
  }
  return MakeError(Reason::kNotAMember, absl::StrCat("no member has the key ", caller.key.hex()));
}

absl::StatusOr<Member> Group::FindMember(const PublicKey& key) const {
  const std::shared_ptr<const MemberList> members = this->members();
  if (const Member* const member = members->Find(key)) return *member;
  return MakeError(Reason::kNotAMember,
                   "you are not a member of this group: ask the owner of the index for an "
                   "invitation, and start your peer with --join");
}

absl::StatusOr<Member> Group::Join(const PublicKey& key, const std::optional<JoinProof>& join,
                                   const std::string& name) {
  MutexLock changing(&changing_);
  absl::StatusOr<Member> member = FindMember(key);
  if (member.ok() || !join.has_value()) return member;
  if (newer_version_seen() != 0) {
    return MakeError(
        Reason::kMembersOutdated,
        "the index was restored from a backup, and admits no new member until it has its "
        "newest list of members: tell its owner, and try again later");
  }
  Invitations invitations = this->invitations();
  absl::Status used = invitations.Use(join->invitation_id, key, clock_->Now());
  if (!used.ok()) return used;
  const IssuedInvitation* const invitation = invitations.Find(join->invitation_id);
  if (!IsJoinProofOf(*join, invitation->secret, key_.public_key(), key)) {
    return MakeError(Reason::kNotAMember, "the proof of the invitation does not hold");
  }
  const Member joined{key, invitation->role, name.empty() ? invitation->name : name};
  if (absl::Status checked = CheckMemberName(joined.name); !checked.ok()) return checked;
  // The use is on the disk first: after a crash in between, this key can repeat its call, and no
  // other key can use the invitation.
  if (absl::Status saved = SaveInvitations(std::move(invitations)); !saved.ok()) return saved;
  ARKSHARE_FAILPOINT("index.invitation_used");
  if (absl::Status saved = ChangeMembers({{joined}, {}}); !saved.ok()) return saved;
  return joined;
}

absl::StatusOr<std::string> Group::Invite(const InviteOptions& options) {
  const Invitation invitation{options.addresses, IndexFingerprint(key_.public_key()),
                              RandomBytes(kInvitationSecretBytes)};
  absl::StatusOr<std::string> word = WriteInvitation(invitation);
  if (!word.ok()) return word;
  MutexLock changing(&changing_);
  const absl::Time now = clock_->Now();
  Invitations invitations = this->invitations();
  invitations.Forget(now);
  IssuedInvitation issued;
  issued.secret = invitation.secret;
  issued.role = options.role;
  issued.name = options.name;
  issued.uses = options.uses;
  // Rounded up to whole seconds, so that it is read back as it was written.
  issued.expires_at = absl::FromUnixSeconds(
      absl::ToUnixSeconds(now + options.life + absl::Seconds(1) - absl::Nanoseconds(1)));
  if (absl::Status added = invitations.Add(std::move(issued), now); !added.ok()) return added;
  if (absl::Status saved = SaveInvitations(std::move(invitations)); !saved.ok()) return saved;
  return word;
}

absl::Status Group::CancelInvitation(const std::string& id) {
  MutexLock changing(&changing_);
  Invitations invitations = this->invitations();
  if (!invitations.Cancel(id)) {
    return absl::NotFoundError(
        "there is no such invitation that can be used: `invitations list` shows all");
  }
  return SaveInvitations(std::move(invitations));
}

absl::Status Group::SetMember(const Member& member, IfOutdated if_outdated) {
  MutexLock changing(&changing_);
  if (absl::Status s = CheckUpToDate(if_outdated); !s.ok()) return s;
  return ChangeMembers({{member}, {}});
}

absl::Status Group::RemoveMember(const PublicKey& key, IfOutdated if_outdated) {
  MutexLock changing(&changing_);
  if (absl::Status s = CheckUpToDate(if_outdated); !s.ok()) return s;
  if (members()->Find(key) == nullptr) {
    return absl::NotFoundError("there is no such member: `members list` shows all");
  }
  Invitations invitations = this->invitations();
  invitations.RemoveMember(key);
  // The invitations first: otherwise the key could come back by its old one after a crash.
  if (absl::Status saved = SaveInvitations(std::move(invitations)); !saved.ok()) return saved;
  return ChangeMembers({{}, {key}});
}

absl::Status Group::ImportMembers(absl::string_view text) {
  absl::StatusOr<MemberList> imported = MemberList::FromText(text, key_.public_key());
  if (!imported.ok()) return imported.status();
  MutexLock changing(&changing_);
  const uint64_t version = members()->version();
  if (imported->version() == version && IsSeen(*imported)) {
    // The list has changed since the restore, so two lists have this version. The next one is newer
    // than both.
    imported = imported->Next({}, key_);
    if (!imported.ok()) return imported.status();
  }
  if (imported->version() <= version) {
    return absl::FailedPreconditionError(
        absl::StrCat("this list of members has version ", imported->version(),
                     ", and the index has version ", version, " already"));
  }
  return SaveMembers(*std::move(imported));
}

absl::Status Group::SaveInvitations(Invitations invitations) {
  absl::Status written = WriteFileAtomically(InvitationsFile(home_), invitations.ToText());
  if (!written.ok()) return written;
  MutexLock lock(&mutex_);
  invitations_ = std::make_shared<const Invitations>(std::move(invitations));
  return absl::OkStatus();
}

absl::Status Group::SaveMembers(MemberList members) {
  absl::Status written = WriteFileAtomically(MembersFile(home_), members.ToText());
  if (!written.ok()) return written;
  ARKSHARE_FAILPOINT("index.members_saved");
  auto shared = std::make_shared<const MemberList>(std::move(members));
  {
    std::string digest = shared->Digest();
    MutexLock lock(&mutex_);
    members_ = shared;
    digest_ = std::move(digest);
    if (!Lacks(seen_)) seen_ = {};
  }
  if (listener_) listener_(shared);
  return absl::OkStatus();
}

absl::Status Group::ChangeMembers(const MemberChanges& changes) {
  absl::StatusOr<MemberList> next = members()->Next(changes, key_, newer_version_seen());
  if (!next.ok()) return next.status();
  return SaveMembers(*std::move(next));
}

absl::Status Group::CheckUpToDate(IfOutdated if_outdated) const {
  const uint64_t seen = newer_version_seen();
  if (seen == 0 || if_outdated == IfOutdated::kReplace) return absl::OkStatus();
  return MakeError(
      Reason::kMembersOutdated,
      absl::StrCat("a peer has version ", seen, " of the list of members, which this index has ",
                   "signed and lost, because it was restored from a backup; here is version ",
                   members()->version(), ". Members that were removed since could come back: run ",
                   "`arkshare-index members import FILE` with the file .arkshare/members of an ",
                   "up-to-date peer. If you can get no such file, repeat the command with ",
                   "--despite-newer-list, and remove those members again"));
}

void Group::HearOf(const SignedVersion& list, const PublicKey& from) {
  {
    MutexLock lock(&mutex_);
    if (list.version <= seen_.version || !Lacks(list)) return;
  }
  if (!list.IsSignedBy(key_.public_key())) return;
  uint64_t here = 0;
  {
    MutexLock lock(&mutex_);
    if (list.version <= seen_.version || !Lacks(list)) return;
    seen_ = list;
    here = members_->version();
  }
  LogWarning("members_outdated", {{"here", here}, {"seen", list.version}, {"at", from.hex()}});
}

uint64_t Group::newer_version_seen() const {
  MutexLock lock(&mutex_);
  return seen_.version;
}

bool Group::Lacks(const SignedVersion& list) const {
  return list.version > members_->version() ||
         (list.version == members_->version() && list.digest != digest_);
}

bool Group::IsSeen(const MemberList& list) const {
  const std::string digest = list.Digest();
  MutexLock lock(&mutex_);
  return seen_.version == list.version() && seen_.digest == digest;
}

}  // namespace arkshare
