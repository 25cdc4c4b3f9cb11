// A thread for work that is too long for gRPC's own threads.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_WORK_QUEUE_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_WORK_QUEUE_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>

#include "lib/core/mutex.h"

namespace arkshare {

// Does one thing after the other, in the order in which they came, and lets more urgent threads go
// first. Thread-safe.
class WorkQueue {
 public:
  WorkQueue();
  // Does what is left first.
  ~WorkQueue();

  void Add(std::function<void()> work);
  // Returns when fewer than `most` wait to be begun. Never to be called by what it does itself.
  void AwaitRoom(size_t most);

 private:
  void Run();

  Mutex mutex_;
  CondVar changed_;
  CondVar begun_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> work_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_WORK_QUEUE_H_
