// The calls of SharedLog for tests: they block until the answer is here.
#ifndef ARKSHARE_SERVICES_INDEX_SHARED_LOG_TESTING_LOG_CALLS_H_
#define ARKSHARE_SERVICES_INDEX_SHARED_LOG_TESTING_LOG_CALLS_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <future>
#include <string>
#include <vector>

#include "services/index/shared_log/shared_log.h"

namespace arkshare {

using CommitAnswer = absl::StatusOr<SharedLog::Outcome>;

// Makes a write of one key. An empty chain: of none.
SharedLog::Write PutOf(const std::string& key, const std::string& value,
                       std::vector<SharedLog::Guard> guards = {}, const std::string& chain = "");
SharedLog::Write DeleteOf(const std::string& key, std::vector<SharedLog::Guard> guards = {});

// Begins a write; the future gets what `done` got.
std::future<CommitAnswer> BeginCommit(SharedLog& log, SharedLog::Write write);
// The functions below give up after a minute, with DeadlineExceeded.
CommitAnswer Finish(std::future<CommitAnswer> commit);
CommitAnswer CommitNow(SharedLog& log, SharedLog::Write write);
absl::StatusOr<int64_t> MarkNow(SharedLog& log);
absl::StatusOr<int64_t> AwaitNow(SharedLog& log, int64_t revision, absl::Duration limit);

// Waits until the log is live and takes writes. False after a minute.
bool AwaitLive(SharedLog& log);
// Waits until the log says that it is cut off. False after a minute.
bool AwaitCutOff(SharedLog& log);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SHARED_LOG_TESTING_LOG_CALLS_H_
