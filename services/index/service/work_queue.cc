#include "services/index/service/work_queue.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace arkshare {
namespace {

// As sched_setattr(2) has it; glibc does not.
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

// Of this thread. On a machine whose processors are all busy, a search goes through some threads
// that wake up one after the other, and each would wait for the end of this one's time slice.
// Longer and fewer slices let whoever wakes up go first (from Linux 6.12 on), and SCHED_BATCH says
// that this thread's own waking is not urgent. Not nicer than 5, which is a quarter of a processor
// beside one that is always busy: it holds the catalog's lock for a while, and others wait for it.
// A kernel that refuses leaves all as it was.
void StandBack() {
  SchedulingAttributes attributes = {};
  attributes.size = sizeof(attributes);
  attributes.policy = SCHED_BATCH;
  attributes.nice = 5;
  attributes.runtime_ns = 10'000'000;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

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
  StandBack();
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
