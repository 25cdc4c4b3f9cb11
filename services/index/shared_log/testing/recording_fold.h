// A LogFold for tests: keeps what the log told, and notices when the log breaks its contract.
#ifndef ARKSHARE_SERVICES_INDEX_SHARED_LOG_TESTING_RECORDING_FOLD_H_
#define ARKSHARE_SERVICES_INDEX_SHARED_LOG_TESTING_RECORDING_FOLD_H_

#include <absl/base/thread_annotations.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/mutex.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Thread-safe. The functions that wait give up after a minute and then return false.
class RecordingFold : public LogFold {
 public:
  struct StepRecord {
    int64_t revision = 0;
    std::vector<LogEvent> events;
  };

  void Load(int64_t revision, std::vector<LogEntry> entries) override;
  void Step(int64_t revision, std::vector<LogEvent> events) override;
  void Refounded() override;

  // Returns what the keys have now.
  std::map<std::string, std::string> Values() const;
  // nullopt: the key is absent.
  std::optional<std::string> ValueOf(const std::string& key) const;
  // Returns the revision that last wrote a key; 0: it is absent.
  int64_t RevisionOf(const std::string& key) const;
  // Returns all steps since the last load.
  std::vector<StepRecord> Steps() const;
  int64_t revision() const;
  int loads() const;
  int refounded() const;

  bool AwaitValue(const std::string& key, const std::optional<std::string>& value);
  // Waits until a key is there, with any value.
  bool AwaitKey(const std::string& key);
  bool AwaitLoads(int count);
  bool AwaitRefounded(int count);

  // Stops the log inside its next Step or Load until Resume is called.
  void Hold();
  // Waits until a call of the log is held.
  bool AwaitHeld();
  void Resume();

  // Returns how the log broke the contract of LogFold; empty when it did not.
  std::vector<std::string> Mistakes() const;

 private:
  // One call of the log. Notices when two overlap.
  class Call;

  bool AwaitLocked(const std::function<bool()>& reached) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WaitWhileHeld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::atomic<bool> in_call_{false};
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, LogEntry> entries_ ABSL_GUARDED_BY(mutex_);
  std::vector<StepRecord> steps_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> mistakes_ ABSL_GUARDED_BY(mutex_);
  int64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
  int loads_ ABSL_GUARDED_BY(mutex_) = 0;
  int refounded_ ABSL_GUARDED_BY(mutex_) = 0;
  bool needs_load_ ABSL_GUARDED_BY(mutex_) = true;
  bool hold_ ABSL_GUARDED_BY(mutex_) = false;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SHARED_LOG_TESTING_RECORDING_FOLD_H_
