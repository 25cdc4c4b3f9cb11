#include "services/index/etcd/fold_waiters.h"

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"

namespace arkshare {

void FoldWaiters::Await(int64_t revision, absl::Time deadline, Done done) {
  Add(revision, std::nullopt, deadline, std::move(done));
}

void FoldWaiters::AwaitWrite(int64_t revision, uint64_t epoch, Done done) {
  Add(revision, epoch, absl::InfiniteFuture(), std::move(done));
}

uint64_t FoldWaiters::epoch() const {
  MutexLock lock(&mutex_);
  return epoch_;
}

void FoldWaiters::Add(int64_t revision, std::optional<uint64_t> epoch, absl::Time deadline,
                      Done done) {
  absl::StatusOr<int64_t> answer;
  {
    MutexLock lock(&mutex_);
    if (!stopped_.ok()) {
      answer = stopped_;
    } else if (epoch.has_value() && *epoch != epoch_) {
      answer = refounded_;
    } else if (folded_ >= revision && folded_ > 0) {
      answer = folded_;
    } else {
      waiters_.emplace(revision, Waiter{deadline, std::move(done)});
      return;
    }
  }
  done(std::move(answer));
}

void FoldWaiters::Folded(int64_t revision) {
  std::vector<Done> reached;
  {
    MutexLock lock(&mutex_);
    folded_ = std::max(folded_, revision);
    revision = folded_;
    const auto end = waiters_.upper_bound(revision);
    for (auto waiter = waiters_.begin(); waiter != end; ++waiter) {
      reached.push_back(std::move(waiter->second.done));
    }
    waiters_.erase(waiters_.begin(), end);
  }
  for (const Done& done : reached) done(revision);
}

void FoldWaiters::Refounded(const absl::Status& status) {
  {
    MutexLock lock(&mutex_);
    folded_ = 0;
    ++epoch_;
    refounded_ = status;
  }
  FailWrites(status);
}

absl::Time FoldWaiters::Expire(absl::Time now) {
  std::vector<Done> late;
  absl::Time next = absl::InfiniteFuture();
  {
    MutexLock lock(&mutex_);
    late = TakeLocked([now](int64_t, const Waiter& waiter) { return waiter.deadline <= now; });
    for (const auto& [revision, waiter] : waiters_) next = std::min(next, waiter.deadline);
  }
  const absl::Status behind = MakeError(
      Reason::kIndexBehind, "this index has not yet read what another one has answered; try again",
      {}, absl::Seconds(1));
  for (const Done& done : late) done(behind);
  return next;
}

void FoldWaiters::FailWrites(const absl::Status& status) {
  std::vector<Done> failed;
  {
    MutexLock lock(&mutex_);
    failed = TakeLocked(
        [](int64_t, const Waiter& waiter) { return waiter.deadline == absl::InfiniteFuture(); });
  }
  for (const Done& done : failed) done(status);
}

void FoldWaiters::Stop(const absl::Status& status) {
  std::vector<Done> left;
  {
    MutexLock lock(&mutex_);
    stopped_ = status;
    left = TakeLocked([](int64_t, const Waiter&) { return true; });
  }
  for (const Done& done : left) done(status);
}

int64_t FoldWaiters::folded() const {
  MutexLock lock(&mutex_);
  return folded_;
}

int64_t FoldWaiters::awaited() const {
  MutexLock lock(&mutex_);
  for (auto waiter = waiters_.rbegin(); waiter != waiters_.rend(); ++waiter) {
    if (waiter->second.deadline != absl::InfiniteFuture()) return waiter->first;
  }
  return 0;
}

std::vector<FoldWaiters::Done> FoldWaiters::TakeLocked(
    const std::function<bool(int64_t, const Waiter&)>& taken) {
  std::vector<Done> dones;
  for (auto waiter = waiters_.begin(); waiter != waiters_.end();) {
    if (taken(waiter->first, waiter->second)) {
      dones.push_back(std::move(waiter->second.done));
      waiter = waiters_.erase(waiter);
    } else {
      ++waiter;
    }
  }
  return dones;
}

}  // namespace arkshare
