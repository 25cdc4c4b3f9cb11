#include "services/index/service/turn_queue.h"

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
  MutexLock lock(&mutex_);
  turns_.Add({network, ""}, std::move(work));
  changed_.NotifyOne();
}

void TurnQueue::Run() {
  LowerThreadPriority();
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(&mutex_);
      while (turns_.empty() && !stopping_) changed_.Wait(&mutex_);
      if (turns_.empty()) return;
      work = std::move(turns_.Next()->second);
    }
    work();
  }
}

}  // namespace arkshare
