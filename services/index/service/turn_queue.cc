#include "services/index/service/turn_queue.h"

#include <optional>
#include <utility>

#include "services/index/service/work_queue.h"

namespace arkshare {

TurnQueue::TurnQueue() : thread_([this] { Run(); }) {}

TurnQueue::~TurnQueue() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyOne();
  }
  thread_.join();
}

void TurnQueue::Add(const std::string& network, std::function<void()> work) {
  AddSteps({network, ""}, [work = std::move(work)] {
    work();
    return false;
  });
}

void TurnQueue::AddSteps(const Caller& caller, Steps steps) {
  MutexLock lock(&mutex_);
  turns_.Add(caller, std::move(steps));
  changed_.NotifyOne();
}

size_t TurnQueue::SizeOf(const Caller& caller) const {
  MutexLock lock(&mutex_);
  return turns_.SizeOf(caller);
}

void TurnQueue::Run() {
  LowerThreadPriority();
  while (true) {
    std::optional<std::pair<Caller, Steps>> next;
    {
      MutexLock lock(&mutex_);
      while (turns_.empty() && !stopping_) changed_.Wait(&mutex_);
      next = turns_.Next();
      if (!next.has_value()) return;
    }
    auto& [caller, steps] = *next;
    if (!steps()) continue;
    MutexLock lock(&mutex_);
    turns_.AddFirst(caller, std::move(steps));
  }
}

}  // namespace arkshare
