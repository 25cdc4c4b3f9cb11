#include "services/index/work_queue.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace arkshare {
namespace {

// Whoever wakes up while this thread runs, to search, waits for so much of its time slice, and not
// for milliseconds. Linux 6.12 and later; what does not know it leaves things as they are.
void ShortenTimeSlice() {
  // struct sched_attr of the kernel, whose header the C library's contradicts.
  struct {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
  } attributes{};
  constexpr uint64_t kNanoseconds = 100'000;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0) return;
  attributes.runtime = kNanoseconds;
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

void WorkQueue::Run() {
  ShortenTimeSlice();
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(&mutex_);
      while (work_.empty() && !stopping_) changed_.Wait(&mutex_);
      if (work_.empty()) return;
      work = std::move(work_.front());
      work_.pop_front();
    }
    work();
  }
}

}  // namespace arkshare
