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
  auto& waiting = work_of_[network];
  if (waiting.empty()) turns_.push_back(network);
  waiting.push_back(std::move(work));
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
      std::string network = std::move(turns_.front());
      turns_.pop_front();
      const auto place = work_of_.find(network);
      work = std::move(place->second.front());
      place->second.pop_front();
      if (place->second.empty()) {
        work_of_.erase(place);
      } else {
        turns_.push_back(std::move(network));
      }
    }
    work();
  }
}

}  // namespace arkshare
