// This peer's place in a group: the key of the index, where the index is, and the other members.
#ifndef ARKSHARE_SERVICES_PEER_GROUP_MEMBERSHIP_H_
#define ARKSHARE_SERVICES_PEER_GROUP_MEMBERSHIP_H_

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arkshare/v1/types.pb.h"
#include "lib/core/key.h"
#include "lib/core/member_list.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/state_files.h"

namespace arkshare {

// The group that a peer has joined.
struct GroupOfPeer {
  PublicKey index;                     // the key that the index must prove
  std::vector<std::string> addresses;  // of the index, HOST:PORT, at least one

  bool operator==(const GroupOfPeer&) const = default;
};

// Returns the group that is on the disk; nullopt when this peer is in none. InvalidArgument, for
// people, when the file is damaged.
absl::StatusOr<std::optional<GroupOfPeer>> LoadGroup(const StateFiles& files);
// Makes the group and its members durable, in the files "membership" and "members".
absl::Status SaveGroup(const StateFiles& files, const GroupOfPeer& group, const MemberList& list);
// Leaves the group, if there is one. The index still has this peer as a member.
absl::Status RemoveGroup(const StateFiles& files);

// The list of members, as the index has told it last. It is kept on the disk, so that members serve
// each other while the index is away. Thread-safe.
class Membership {
 public:
  // Reads the list. A damaged or missing one counts as empty: the index sends it again. `files`
  // must outlive the object; `self` is this peer's key.
  Membership(const StateFiles* files, GroupOfPeer group, const PublicKey& self);

  const GroupOfPeer& group() const { return group_; }
  std::shared_ptr<const MemberList> list() const;
  // Returns this peer as a member, by the last list; nullopt when it is not in it.
  std::optional<Member> self() const;

  // The version for the first message of an Announce stream; 0 asks for the whole list.
  uint64_t version_to_announce() const;
  // Takes over a newer list, calls the listener, and then writes the list to the disk. A list that
  // cannot be written still holds until this process ends. kAnswerInvalid when the update does not
  // fit or is not signed by the index; version_to_announce is then 0.
  absl::Status Apply(const v1::MembersUpdate& update);

  // Called by Apply with each new list, one after the other. Set it before the first Apply.
  using Listener = std::function<void(const MemberList& list)>;
  void SetListener(Listener listener);

 private:
  const StateFiles* const files_;
  const GroupOfPeer group_;
  const PublicKey self_;
  // Held during a change, from reading the old list until the new one is on the disk.
  Mutex changing_ ABSL_ACQUIRED_BEFORE(mutex_);
  Listener listener_ ABSL_GUARDED_BY(changing_);
  mutable Mutex mutex_;
  std::shared_ptr<const MemberList> list_ ABSL_GUARDED_BY(mutex_);
  bool whole_list_wanted_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_GROUP_MEMBERSHIP_H_
