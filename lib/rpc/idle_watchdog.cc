#include "lib/rpc/idle_watchdog.h"

#include <utility>

namespace arkshare {
namespace {

// The longest delay of a cancel.
constexpr absl::Duration kTick = absl::Milliseconds(250);

}  // namespace

IdleWatchdog::IdleWatchdog(const Clock* clock) : clock_(clock), thread_([this] { Loop(); }) {}

IdleWatchdog::~IdleWatchdog() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

IdleWatchdog::Watch::Watch(IdleWatchdog* dog, absl::Duration limit, std::function<void()> cancel)
    : dog_(dog), limit_(limit), cancel_(std::move(cancel)), last_ns_(dog->NowNanos()) {
  MutexLock lock(&dog_->mutex_);
  number_ = dog_->next_number_++;
  // With other watches, the thread wakes every tick anyway.
  if (dog_->watches_.empty()) dog_->changed_.NotifyAll();
  dog_->watches_[number_] = this;
}

IdleWatchdog::Watch::~Watch() {
  // Waits for a running cancel, because the context that it cancels need not outlive this watch.
  MutexLock lock(&dog_->mutex_);
  dog_->watches_.erase(number_);
}

void IdleWatchdog::Loop() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    if (watches_.empty()) {
      changed_.Wait(&mutex_);
      continue;
    }
    changed_.WaitFor(&mutex_, kTick);
    const int64_t now = NowNanos();
    for (auto& [number, watch] : watches_) {
      const int64_t idle = now - watch->last_ns_.load(std::memory_order_relaxed);
      if (idle < absl::ToInt64Nanoseconds(watch->limit_) || watch->expired_.load()) continue;
      watch->expired_.store(true);
      watch->cancel_();  // TryCancel: does not block
    }
  }
}

}  // namespace arkshare
