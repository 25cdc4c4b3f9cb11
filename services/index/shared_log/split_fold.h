// Two folds of one log, each of its own keys.
#ifndef ARKSHARE_SERVICES_INDEX_SHARED_LOG_SPLIT_FOLD_H_
#define ARKSHARE_SERVICES_INDEX_SHARED_LOG_SPLIT_FOLD_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Hands the keys that begin with `prefix` to one fold, and the others to another. Of each load and
// step, the first one comes first; it is called for steps with keys of its own only. Called by one
// thread, as each fold is.
class SplitFold : public LogFold {
 public:
  // Both must outlive it.
  SplitFold(std::string prefix, LogFold* first, LogFold* others)
      : prefix_(std::move(prefix)), first_(first), others_(others) {}

  void Load(int64_t revision, std::vector<LogEntry> entries) override;
  void Step(int64_t revision, std::vector<LogEvent> events) override;
  void Refounded() override;

 private:
  const std::string prefix_;
  LogFold* const first_;
  LogFold* const others_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SHARED_LOG_SPLIT_FOLD_H_
