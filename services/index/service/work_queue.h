// A thread for work that is too long for the threads of gRPC.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_WORK_QUEUE_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_WORK_QUEUE_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>

#include "lib/core/mutex.h"

namespace arkshare {

// Makes the calling thread less urgent than others.
void LowerPriority();

// Runs work in the order in which it was added, on one thread that lets more urgent threads go
// first. Thread-safe.
class WorkQueue {
 public:
  WorkQueue();
  // Runs the rest of the work first.
  ~WorkQueue();

  void Add(std::function<void()> work);
  // Returns when fewer than `most` pieces of work wait to begin. Must not be called by such work.
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
