#include "services/index/shared_log/testing/log_calls.h"

#include <absl/status/status.h>
#include <absl/time/clock.h>

#include <chrono>
#include <limits>
#include <memory>
#include <utility>

namespace arkshare {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(1);

template <typename Answer>
Answer GetWithin(std::future<Answer> future) {
  if (future.wait_for(absl::ToChronoSeconds(kPatience)) != std::future_status::ready) {
    return absl::DeadlineExceededError("the log has not answered within a minute");
  }
  return future.get();
}

using ReachedAnswer = absl::StatusOr<int64_t>;

}  // namespace

SharedLog::Write PutOf(const std::string& key, const std::string& value,
                       std::vector<SharedLog::Guard> guards, const std::string& chain) {
  SharedLog::Write write;
  write.guards = std::move(guards);
  write.changes.push_back({key, value});
  write.chain = chain;
  return write;
}

SharedLog::Write DeleteOf(const std::string& key, std::vector<SharedLog::Guard> guards) {
  SharedLog::Write write;
  write.guards = std::move(guards);
  write.changes.push_back({key, std::nullopt});
  return write;
}

std::future<CommitAnswer> BeginCommit(SharedLog& log, SharedLog::Write write) {
  auto promise = std::make_shared<std::promise<CommitAnswer>>();
  std::future<CommitAnswer> future = promise->get_future();
  // A second call of `done` throws, which ends the test.
  log.Commit(std::move(write),
             [promise](CommitAnswer answer) { promise->set_value(std::move(answer)); });
  return future;
}

CommitAnswer Finish(std::future<CommitAnswer> commit) { return GetWithin(std::move(commit)); }

CommitAnswer CommitNow(SharedLog& log, SharedLog::Write write) {
  return Finish(BeginCommit(log, std::move(write)));
}

absl::StatusOr<int64_t> MarkNow(SharedLog& log) {
  auto promise = std::make_shared<std::promise<ReachedAnswer>>();
  std::future<ReachedAnswer> future = promise->get_future();
  log.Mark([promise](ReachedAnswer answer) { promise->set_value(std::move(answer)); });
  return GetWithin(std::move(future));
}

absl::StatusOr<int64_t> AwaitNow(SharedLog& log, int64_t revision, absl::Duration limit) {
  auto promise = std::make_shared<std::promise<ReachedAnswer>>();
  std::future<ReachedAnswer> future = promise->get_future();
  log.Await(revision, limit,
            [promise](ReachedAnswer answer) { promise->set_value(std::move(answer)); });
  return GetWithin(std::move(future));
}

bool AwaitLive(SharedLog& log) {
  const absl::Time end = absl::Now() + kPatience;
  while (absl::Now() < end) {
    if (MarkNow(log).ok() && log.state() == SharedLog::State::kLive) return true;
    // The log itself says when a moment has passed.
    AwaitNow(log, std::numeric_limits<int64_t>::max(), absl::Milliseconds(20)).IgnoreError();
  }
  return false;
}

bool AwaitCutOff(SharedLog& log) {
  const absl::Time end = absl::Now() + kPatience;
  while (absl::Now() < end) {
    if (!MarkNow(log).ok() && log.state() == SharedLog::State::kCutOff) return true;
    AwaitNow(log, std::numeric_limits<int64_t>::max(), absl::Milliseconds(20)).IgnoreError();
  }
  return false;
}

}  // namespace arkshare
