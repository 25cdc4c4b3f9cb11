// Where the members and invitations of a group are kept.
#ifndef ARKSHARE_SERVICES_INDEX_GROUP_GROUP_STORE_H_
#define ARKSHARE_SERVICES_INDEX_GROUP_GROUP_STORE_H_

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <string>

#include "lib/core/member_list.h"
#include "services/index/group/invitations.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// A group at one moment.
struct GroupContents {
  std::shared_ptr<const MemberList> members = std::make_shared<const MemberList>();
  std::string digest = members->Digest();
  std::shared_ptr<const Invitations> invitations = std::make_shared<const Invitations>();

  void SetMembers(MemberList list) {
    members = std::make_shared<const MemberList>(std::move(list));
    digest = members->Digest();
  }
  void SetInvitations(Invitations all) {
    invitations = std::make_shared<const Invitations>(std::move(all));
  }
};
using GroupContentsPtr = std::shared_ptr<const GroupContents>;

// HomeStore has the group of an index by itself, LogStore one that replicas share. Thread-safe.
class GroupStore {
 public:
  // Called after each change of the list of members, one change after the other.
  using Listener = std::function<void(const std::shared_ptr<const MemberList>& members)>;

  virtual ~GroupStore() = default;

  // Set it before the first change.
  virtual void SetListener(Listener listener) = 0;
  // Returns the group as it is known here. Does not block.
  virtual GroupContentsPtr Read() const = 0;
  // From now on, Read has what any replica was answered before this call. Blocks.
  virtual absl::Status Refresh() = 0;
  // Replaces `before`, which Read has returned, durably and for all replicas. Read has the change
  // when it returns. Aborted, and nothing has changed: the group is not `before` any more. One
  // caller at a time. Blocks.
  virtual absl::Status Write(const GroupContentsPtr& before, const GroupContents& after) = 0;

  // The rest is for a group that replicas share; it does nothing else.

  // To be folded with the keys that begin with kGroupKeys.
  virtual LogFold* fold() { return nullptr; }
  // Brings into the log what is known here and missing there: the group is new, or the log was
  // lost. InvalidArgument when the replicas of the log have another key. Cheap when nothing is
  // missing; else it blocks.
  virtual absl::Status PutBack() { return absl::OkStatus(); }
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_GROUP_GROUP_STORE_H_
