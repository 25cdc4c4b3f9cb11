// Threads for what waits.
#ifndef ARKSHARE_SERVICES_PEER_CALLS_CALL_WORKERS_H_
#define ARKSHARE_SERVICES_PEER_CALLS_CALL_WORKERS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "lib/core/mutex.h"

namespace arkshare {

// Runs work that may wait for seconds, such as a call of the index, on a few threads. Thread-safe.
class CallWorkers {
 public:
  explicit CallWorkers(size_t threads) {
    for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
  }
  ~CallWorkers() { Stop(); }

  // Runs `work` soon; after Stop, drops it.
  void Add(std::function<void()> work) {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    waiting_.push_back(std::move(work));
    changed_.NotifyOne();
  }
  // Drops work that has not begun, and waits for the rest. Idempotent, but not from two threads.
  void Stop() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      changed_.NotifyAll();
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void Run() {
    while (true) {
      std::function<void()> work;
      {
        MutexLock lock(&mutex_);
        while (waiting_.empty() && !stopping_) changed_.Wait(&mutex_);
        if (stopping_) return;
        work = std::move(waiting_.front());
        waiting_.pop_front();
      }
      work();
    }
  }

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_CALLS_CALL_WORKERS_H_
