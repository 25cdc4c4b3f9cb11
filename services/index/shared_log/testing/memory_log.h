// A SharedLog in the memory of one process, for the tests of several replicas.
#ifndef ARKSHARE_SERVICES_INDEX_SHARED_LOG_TESTING_MEMORY_LOG_H_
#define ARKSHARE_SERVICES_INDEX_SHARED_LOG_TESTING_MEMORY_LOG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/mutex.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// The engine that all replicas share. It must outlive them. Thread-safe.
class MemoryEngine {
 public:
  using Contents = std::map<std::string, LogEntry>;

  MemoryEngine();

  // Makes one more replica, not started. Each has a thread of its own from Start to Stop.
  std::unique_ptr<SharedLog> MakeReplica();

  // From now on, the key of a replica goes when the replica is destroyed.
  void ExpireAtEnd();
  // Removes the key of a replica that was stopped, as the engine does when its time is over.
  void Expire(const std::string& replica);
  // While it is held, the replica folds nothing, and what it commits gets no answer.
  void Hold(const std::string& replica, bool held);
  // The replica gets no answers: its writes fail, and it folds nothing.
  void CutOff(const std::string& replica, bool cut_off);
  // The same for all.
  void CutOffAll(bool cut_off);
  // The answers of the next `count` writes are lost after they were made: each is sent again.
  void LoseOutcomes(int count);
  // The events of the next `count` revisions are not told.
  void LoseEvents(int count);
  void SetFull(bool full);
  Contents Save();
  // Replaces everything: nothing by default, or an older backup. The log is another one then.
  void Refound(Contents contents = {});

 private:
  friend class MemoryLog;
  struct Revision {
    int64_t revision = 0;
    std::vector<LogEvent> events;
    bool told = true;
  };

  SharedLog::Outcome TryLocked(const SharedLog::Write& write) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MakeLocked(const std::vector<SharedLog::Change>& changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar changed_;
  Contents contents_ ABSL_GUARDED_BY(mutex_);
  int64_t revision_ ABSL_GUARDED_BY(mutex_) = 1;
  std::vector<Revision> history_ ABSL_GUARDED_BY(mutex_);  // since the log was founded
  std::string birth_ ABSL_GUARDED_BY(mutex_);
  int64_t founded_ ABSL_GUARDED_BY(mutex_) = 1;  // the revision of the birth
  std::set<std::string> held_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> cut_off_ ABSL_GUARDED_BY(mutex_);
  bool all_cut_off_ ABSL_GUARDED_BY(mutex_) = false;
  int lost_outcomes_ ABSL_GUARDED_BY(mutex_) = 0;
  int lost_events_ ABSL_GUARDED_BY(mutex_) = 0;
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  bool expire_at_end_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SHARED_LOG_TESTING_MEMORY_LOG_H_
