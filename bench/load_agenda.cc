#include "bench/load_agenda.h"

#include "lib/core/clock.h"

namespace arkshare {
Agenda::Agenda() : thread_([this] { Run(); }) {}

Agenda::~Agenda() { Stop(); }

void Agenda::After(absl::Duration delay, std::function<void()> action) {
  const absl::Time due = Now() + delay;
  MutexLock lock(&mutex_);
  const bool first = items_.empty() || due < items_.top().due;
  items_.push({due, next_order_++, std::move(action)});
  if (first) changed_.NotifyAll();
}

void Agenda::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Agenda::Run() {
  while (true) {
    std::function<void()> action;
    {
      MutexLock lock(&mutex_);
      if (stopping_) return;
      const absl::Duration wait = items_.empty() ? absl::Seconds(1) : items_.top().due - Now();
      if (wait > absl::ZeroDuration()) {
        changed_.WaitFor(&mutex_, wait);
        continue;
      }
      action = items_.top().action;
      items_.pop();
    }
    action();
  }
}

}  // namespace arkshare
