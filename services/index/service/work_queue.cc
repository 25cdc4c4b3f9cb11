#include "services/index/service/work_queue.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace arkshare {
namespace {

// The argument of sched_setattr(2), which glibc 2.36 does not declare.
struct SchedulingAttributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns;
  uint64_t deadline_ns;
  uint64_t period_ns;
};

}  // namespace

// On a machine whose processors are all busy, a search
// passes through several threads that wake up one after the other, and each would wait for the end
// of this thread's time slice. Longer and fewer slices let a thread that wakes up go first (Linux
// 6.12 and later), and SCHED_BATCH states that the waking of this thread is not urgent. The nice
// value is only 5, a quarter of a processor beside a thread that is always busy, because this
// thread holds the catalog's lock at times and others wait for it. A kernel that refuses changes
// nothing.
void LowerPriority() {
  SchedulingAttributes attributes = {};
  attributes.size = sizeof(attributes);
  attributes.policy = SCHED_BATCH;
  attributes.nice = 5;
  attributes.runtime_ns = 10'000'000;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

WorkQueue::WorkQueue() : thread_([this] { Run(); }) {}

WorkQueue::~WorkQueue() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyOne();
  }
  thread_.join();
}

void WorkQueue::Add(std::function<void()> work) {
  MutexLock lock(&mutex_);
  work_.push_back(std::move(work));
  changed_.NotifyOne();
}

void WorkQueue::AwaitRoom(size_t most) {
  MutexLock lock(&mutex_);
  while (work_.size() >= most) begun_.Wait(&mutex_);
}

void WorkQueue::Run() {
  LowerPriority();
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(&mutex_);
      while (work_.empty() && !stopping_) changed_.Wait(&mutex_);
      if (work_.empty()) return;
      work = std::move(work_.front());
      work_.pop_front();
      begun_.NotifyAll();
    }
    work();
  }
}

}  // namespace arkshare
