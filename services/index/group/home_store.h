// The group of an index by itself, in the files of its folder.
#ifndef ARKSHARE_SERVICES_INDEX_GROUP_HOME_STORE_H_
#define ARKSHARE_SERVICES_INDEX_GROUP_HOME_STORE_H_

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "services/index/group/group_store.h"

namespace arkshare {

// Reads HOME/members and HOME/invitations; empty ones where there are no files. InvalidArgument
// names a file that is damaged, with what to do.
absl::StatusOr<GroupContents> ReadHome(const std::string& home, const PublicKey& index);
// Writes the files that differ from `before`, the invitations first: after a crash in between, the
// key of a use can repeat its call, and no removed key can come back by its old invitation. Both
// are durable when it returns.
absl::Status WriteHome(const std::string& home, const GroupContents& before,
                       const GroupContents& after);

class HomeStore : public GroupStore {
 public:
  // Requires the lock of the folder.
  HomeStore(std::string home, GroupContents contents);

  void SetListener(Listener listener) override;
  GroupContentsPtr Read() const override;
  absl::Status Refresh() override { return absl::OkStatus(); }
  absl::Status Write(const GroupContentsPtr& before, const GroupContents& after) override;

 private:
  void Publish(GroupContents contents);

  const std::string home_;
  Listener listener_;
  mutable Mutex mutex_;
  GroupContentsPtr contents_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_GROUP_HOME_STORE_H_
