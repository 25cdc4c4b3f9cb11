// A group: the key of its index, who is a member, and who is invited.
#ifndef ARKSHARE_SERVICES_INDEX_GROUP_GROUP_H_
#define ARKSHARE_SERVICES_INDEX_GROUP_GROUP_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"
#include "lib/core/member_list.h"
#include "lib/core/mutex.h"
#include "services/index/files/state_lock.h"
#include "services/index/group/group_store.h"
#include "services/index/group/invitations.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Keeps the folder HOME of an index, with mode 0700:
//   key          the seed of the index's key, in hex
//   members      MemberList::ToText
//   invitations  Invitations::ToText
// Replicas of an index have the same key. Their group is in the log that they share, and the files
// are a copy of it; see LogStore. A change is on the disk or in the log before anybody learns of
// it, and is decided again when another replica has changed the group meanwhile.
//
// Thread-safe. Methods that change something wait for the disk or the log, one after the other; the
// others do not wait. Internal: a file cannot be read or written. STORE_UNREACHABLE and other
// errors of SharedLog::Commit.
class Group {
 public:
  // Opens the group, and makes its key and files if there are none. `log`, if there is one, must
  // outlive the group, and is to be started with fold(). InvalidArgument when the folder cannot be
  // used, another process uses it, or a file in it is damaged.
  static absl::StatusOr<std::unique_ptr<Group>> Open(const std::string& home, const Clock* clock,
                                                     SharedLog* log = nullptr);

  const PrivateKey& key() const { return key_; }
  std::shared_ptr<const MemberList> members() const;
  Invitations invitations() const;

  // See GroupStore.
  void SetListener(GroupStore::Listener listener) { store_->SetListener(std::move(listener)); }
  LogFold* fold() { return store_->fold(); }
  absl::Status PutBack() { return store_->PutBack(); }

  // Decides in a handshake: a member may connect, and so may a program that knows the secret of an
  // invitation, even of one that has ended, so that Join can say why it is refused.
  absl::Status Admit(const LeafClaims& caller) const;
  // Returns the member that calls. kNotAMember.
  absl::StatusOr<Member> FindMember(const PublicKey& key) const;

  // Makes the caller a member, named `name` or, if that is empty, as the invitation says. A caller
  // that is a member already stays what it is. Errors: Invitations::Use; InvalidArgument for a bad
  // name; kMembersOutdated.
  absl::StatusOr<Member> Join(const PublicKey& key, const std::optional<JoinProof>& join,
                              const std::string& name);

  struct InviteOptions {
    MemberRole role = MemberRole::kFull;
    std::string name{};
    uint32_t uses = 1;
    absl::Duration life = absl::Hours(72);
    std::vector<std::string> addresses{};  // of the index, as members reach it
  };
  // Returns the word to pass on. Errors: Invitations::Add, WriteInvitation.
  absl::StatusOr<std::string> Invite(const InviteOptions& options);
  // NotFound for an id that is not known or was cancelled before.
  absl::Status CancelInvitation(const std::string& id);

  // The ways to change a list of which a peer has a newer version; see HearOf.
  enum class IfOutdated {
    kRefuse,   // kMembersOutdated
    kReplace,  // the next version is newer than both, and the newer list is lost
  };
  // Adds a member or changes one. Errors: MemberList::Next.
  absl::Status SetMember(const Member& member, IfOutdated if_outdated = IfOutdated::kRefuse);
  // NotFound for a key that is not a member.
  absl::Status RemoveMember(const PublicKey& key, IfOutdated if_outdated = IfOutdated::kRefuse);
  // Takes over a list that this index has signed, from a member's copy. FailedPrecondition when it
  // is neither newer than the list here nor the one of newer_version_seen; otherwise the errors of
  // MemberList::FromText.
  absl::Status ImportMembers(absl::string_view text);

  // Hears which list the member `from` has. If this index has signed it and does not have it, the
  // index was restored from a backup: it logs that, and refuses to change the list, because members
  // that were removed since would come back. Without that signature nothing changes: otherwise one
  // member could keep the owner from removing it.
  void HearOf(const SignedVersion& list, const PublicKey& from);
  // The version of the list that a peer has and this index lacks; 0 for none.
  uint64_t newer_version_seen() const;

 private:
  Group(std::unique_ptr<StateLock> lock, PrivateKey key, std::unique_ptr<GroupStore> store,
        const Clock* clock);

  // Changes the contents, or returns why not. It is called again when they have changed meanwhile.
  using Decide = std::function<absl::Status(GroupContents& contents)>;
  absl::Status Change(const Decide& decide);
  // Makes the next list of members.
  absl::Status ChangeMembers(const MemberChanges& changes, GroupContents& contents) const;
  absl::Status CheckUpToDate(const GroupContents& contents, IfOutdated if_outdated) const;
  // Returns the version of the newest list that `contents` lack; 0 for none.
  uint64_t NewerSeen(const GroupContents& contents) const;
  bool IsSeen(const MemberList& list) const;

  const std::unique_ptr<StateLock> lock_;
  const PrivateKey key_;
  const std::unique_ptr<GroupStore> store_;
  const Clock* const clock_;
  // Held during a change, from reading the old state until it is made.
  Mutex changing_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable Mutex mutex_;
  SignedVersion seen_ ABSL_GUARDED_BY(mutex_);  // the newest list that this index lacked
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_GROUP_GROUP_H_
