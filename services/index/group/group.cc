#include "services/index/group/group.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/core/errors.h"
#include "lib/core/invitation.h"
#include "lib/core/log.h"
#include "services/index/group/home.h"
#include "services/index/group/home_store.h"
#include "services/index/group/log_store.h"

namespace arkshare {
namespace {

// Changes of the group that other replicas make meanwhile are few: people make them.
constexpr int kMostTries = 32;

absl::StatusOr<PrivateKey> LoadKey(const std::string& home) {
  const absl::StatusOr<std::optional<PrivateKey>> there = ReadKeyFile(home);
  if (!there.ok()) return there.status();
  if (there->has_value()) return **there;
  PrivateKey key = PrivateKey::Generate();
  if (absl::Status written = WriteKeyFile(home, key); !written.ok()) return written;
  return key;
}

// True when the contents have neither `list` nor a newer one.
bool Lacks(const GroupContents& contents, const SignedVersion& list) {
  const uint64_t version = contents.members->version();
  return list.version > version || (list.version == version && list.digest != contents.digest);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Group>> Group::Open(const std::string& home, const Clock* clock,
                                                   SharedLog* log) {
  if (absl::Status made = MakeHome(home); !made.ok()) return made;
  absl::StatusOr<std::unique_ptr<StateLock>> lock = LockHome(home);
  if (!lock.ok()) return lock.status();
  absl::StatusOr<PrivateKey> key = LoadKey(home);
  if (!key.ok()) return key.status();
  absl::StatusOr<GroupContents> contents = ReadHome(home, key->public_key());
  if (!contents.ok()) return contents.status();
  std::unique_ptr<GroupStore> store;
  if (log == nullptr) {
    store = std::make_unique<HomeStore>(home, *std::move(contents));
  } else {
    store = std::make_unique<LogStore>(home, *key, *std::move(contents), log);
  }
  return std::unique_ptr<Group>(
      new Group(*std::move(lock), *std::move(key), std::move(store), clock));
}

Group::Group(std::unique_ptr<StateLock> lock, PrivateKey key, std::unique_ptr<GroupStore> store,
             const Clock* clock)
    : lock_(std::move(lock)), key_(std::move(key)), store_(std::move(store)), clock_(clock) {}

std::shared_ptr<const MemberList> Group::members() const { return store_->Read()->members; }

Invitations Group::invitations() const { return *store_->Read()->invitations; }

absl::Status Group::Admit(const LeafClaims& caller) const {
  const GroupContentsPtr contents = store_->Read();
  if (contents->members->Find(caller.key) != nullptr) return absl::OkStatus();
  if (caller.join.has_value()) {
    const IssuedInvitation* const invitation =
        contents->invitations->Find(caller.join->invitation_id);
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

absl::Status Group::Change(const Decide& decide) {
  MutexLock changing(&changing_);
  for (int i = 0; i < kMostTries; ++i) {
    if (absl::Status s = store_->Refresh(); !s.ok()) return s;
    const GroupContentsPtr before = store_->Read();
    GroupContents after = *before;
    if (absl::Status s = decide(after); !s.ok()) return s;
    absl::Status written = store_->Write(before, after);
    if (!absl::IsAborted(written)) return written;
  }
  return MakeError(Reason::kLimitExceeded, "the group is changed too often: try again", {},
                   absl::Seconds(1));
}

absl::StatusOr<Member> Group::Join(const PublicKey& key, const std::optional<JoinProof>& join,
                                   const std::string& name) {
  absl::StatusOr<Member> already = FindMember(key);
  if (already.ok() || !join.has_value()) return already;
  Member joined;
  const absl::Status changed = Change([&](GroupContents& contents) {
    if (const Member* const member = contents.members->Find(key)) {
      joined = *member;
      return absl::OkStatus();
    }
    if (NewerSeen(contents) != 0) {
      return MakeError(
          Reason::kMembersOutdated,
          "the index was restored from a backup, and admits no new member until it has its "
          "newest list of members: tell its owner, and try again later");
    }
    Invitations invitations = *contents.invitations;
    absl::Status used = invitations.Use(join->invitation_id, key, clock_->Now());
    if (!used.ok()) return used;
    const IssuedInvitation* const invitation = invitations.Find(join->invitation_id);
    if (!IsJoinProofOf(*join, invitation->secret, key_.public_key(), key)) {
      return MakeError(Reason::kNotAMember, "the proof of the invitation does not hold");
    }
    joined = {key, invitation->role, name.empty() ? invitation->name : name};
    if (absl::Status checked = CheckMemberName(joined.name); !checked.ok()) return checked;
    contents.SetInvitations(std::move(invitations));
    return ChangeMembers({{joined}, {}}, contents);
  });
  if (!changed.ok()) return changed;
  return joined;
}

absl::StatusOr<std::string> Group::Invite(const InviteOptions& options) {
  const Invitation invitation{options.addresses, IndexFingerprint(key_.public_key()),
                              RandomBytes(kInvitationSecretBytes)};
  absl::StatusOr<std::string> word = WriteInvitation(invitation);
  if (!word.ok()) return word;
  const absl::Status changed = Change([&](GroupContents& contents) {
    const absl::Time now = clock_->Now();
    Invitations invitations = *contents.invitations;
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
    contents.SetInvitations(std::move(invitations));
    return absl::OkStatus();
  });
  if (!changed.ok()) return changed;
  return word;
}

absl::Status Group::CancelInvitation(const std::string& id) {
  return Change([&](GroupContents& contents) {
    Invitations invitations = *contents.invitations;
    if (!invitations.Cancel(id)) {
      return absl::NotFoundError(
          "there is no such invitation that can be used: `invitations list` shows all");
    }
    contents.SetInvitations(std::move(invitations));
    return absl::OkStatus();
  });
}

absl::Status Group::SetMember(const Member& member, IfOutdated if_outdated) {
  return Change([&](GroupContents& contents) {
    if (absl::Status s = CheckUpToDate(contents, if_outdated); !s.ok()) return s;
    return ChangeMembers({{member}, {}}, contents);
  });
}

absl::Status Group::RemoveMember(const PublicKey& key, IfOutdated if_outdated) {
  return Change([&](GroupContents& contents) {
    if (absl::Status s = CheckUpToDate(contents, if_outdated); !s.ok()) return s;
    if (contents.members->Find(key) == nullptr) {
      return absl::NotFoundError("there is no such member: `members list` shows all");
    }
    Invitations invitations = *contents.invitations;
    invitations.RemoveMember(key);
    contents.SetInvitations(std::move(invitations));
    return ChangeMembers({{}, {key}}, contents);
  });
}

absl::Status Group::ImportMembers(absl::string_view text) {
  const absl::StatusOr<MemberList> imported = MemberList::FromText(text, key_.public_key());
  if (!imported.ok()) return imported.status();
  return Change([&](GroupContents& contents) {
    MemberList next = *imported;
    const uint64_t version = contents.members->version();
    if (next.version() == version && IsSeen(next)) {
      // The list has changed since the restore, so two lists have this version. The next one is
      // newer than both.
      absl::StatusOr<MemberList> newer = next.Next({}, key_);
      if (!newer.ok()) return newer.status();
      next = *std::move(newer);
    }
    if (next.version() <= version) {
      return absl::FailedPreconditionError(
          absl::StrCat("this list of members has version ", next.version(),
                       ", and the index has version ", version, " already"));
    }
    contents.SetMembers(std::move(next));
    return absl::OkStatus();
  });
}

absl::Status Group::ChangeMembers(const MemberChanges& changes, GroupContents& contents) const {
  absl::StatusOr<MemberList> next = contents.members->Next(changes, key_, NewerSeen(contents));
  if (!next.ok()) return next.status();
  contents.SetMembers(*std::move(next));
  return absl::OkStatus();
}

absl::Status Group::CheckUpToDate(const GroupContents& contents, IfOutdated if_outdated) const {
  const uint64_t seen = NewerSeen(contents);
  if (seen == 0 || if_outdated == IfOutdated::kReplace) return absl::OkStatus();
  return MakeError(
      Reason::kMembersOutdated,
      absl::StrCat("a peer has version ", seen, " of the list of members, which this index has ",
                   "signed and lost, because it was restored from a backup; here is version ",
                   contents.members->version(),
                   ". Members that were removed since could come back: run ",
                   "`arkshare-index members import FILE` with the file .arkshare/members of an ",
                   "up-to-date peer. If you can get no such file, repeat the command with ",
                   "--despite-newer-list, and remove those members again"));
}

void Group::HearOf(const SignedVersion& list, const PublicKey& from) {
  const GroupContentsPtr contents = store_->Read();
  if (list.version <= NewerSeen(*contents) || !Lacks(*contents, list)) return;
  if (!list.IsSignedBy(key_.public_key())) return;
  {
    MutexLock lock(&mutex_);
    if (Lacks(*contents, seen_) && list.version <= seen_.version) return;
    seen_ = list;
  }
  LogWarning("members_outdated",
             {{"here", contents->members->version()}, {"seen", list.version}, {"at", from.hex()}});
}

uint64_t Group::newer_version_seen() const { return NewerSeen(*store_->Read()); }

uint64_t Group::NewerSeen(const GroupContents& contents) const {
  MutexLock lock(&mutex_);
  return Lacks(contents, seen_) ? seen_.version : 0;
}

bool Group::IsSeen(const MemberList& list) const {
  const std::string digest = list.Digest();
  MutexLock lock(&mutex_);
  return seen_.version == list.version() && seen_.digest == digest;
}

}  // namespace arkshare
