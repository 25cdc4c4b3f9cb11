// The group of an index that has replicas, in the log that they share.
#ifndef ARKSHARE_SERVICES_INDEX_GROUP_LOG_STORE_H_
#define ARKSHARE_SERVICES_INDEX_GROUP_LOG_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "services/index/group/group_store.h"
#include "services/index/group/logged_group.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// The log decides: a change is one transaction, which is guarded by the list and the invitations
// that it was decided on. Every replica keeps a copy in the files of its folder, so that the group
// survives the loss of the log: a list that is newer than that of the log, and invitations and uses
// that it does not have, are put back. So no restart and no loss makes the list of members older.
class LogStore : public GroupStore, private LogFold {
 public:
  // `contents` are those of the files; requires the lock of the folder. `log` must outlive it.
  LogStore(std::string home, PrivateKey key, GroupContents contents, SharedLog* log);

  void SetListener(Listener listener) override;
  GroupContentsPtr Read() const override;
  // STORE_UNREACHABLE.
  absl::Status Refresh() override;
  // Errors: those of SharedLog::Commit.
  absl::Status Write(const GroupContentsPtr& before, const GroupContents& after) override;
  LogFold* fold() override { return this; }
  absl::Status PutBack() override;

 private:
  // LogFold
  void Load(int64_t revision, std::vector<LogEntry> entries) override;
  void Step(int64_t revision, std::vector<LogEvent> events) override;
  void Refounded() override;

  // Makes what was folded the contents. It is in the same critical section as the fold itself: a
  // write is decided on the contents and guarded by what was folded, so these must not differ.
  void TakeOverLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Writes what has changed since `before` to the files, and tells the listener of it.
  void Tell(const GroupContentsPtr& before);
  absl::Status CheckKeyLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Blocks. True when it was made, false when a guard did not hold.
  absl::StatusOr<bool> Commit(const SharedLog::Write& write);

  const std::string home_;
  SharedLog* const log_;
  Listener listener_;
  mutable Mutex mutex_;
  LoggedGroup logged_ ABSL_GUARDED_BY(mutex_);
  bool loaded_ ABSL_GUARDED_BY(mutex_) = false;
  // The contents that the log may lack.
  std::optional<GroupContents> lacking_ ABSL_GUARDED_BY(mutex_);
  GroupContentsPtr contents_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_GROUP_LOG_STORE_H_
