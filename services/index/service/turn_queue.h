// A thread whose callers take turns.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_TURN_QUEUE_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_TURN_QUEUE_H_

#include <functional>
#include <string>
#include <thread>

#include "lib/core/mutex.h"
#include "services/index/service/fair_turns.h"

namespace arkshare {

// Runs pieces of work, each for a caller's network (NetworkOfCaller), on one thread that lets more
// urgent threads go first. The networks take turns, whatever each has waiting; the work of one runs
// in the order in which it was added. The caller bounds how much is added, and how long a piece
// takes. Thread-safe.
class TurnQueue {
 public:
  TurnQueue();
  // Runs the rest of the work first.
  ~TurnQueue();

  void Add(const std::string& network, std::function<void()> work);

 private:
  void Run();

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  FairTurns<std::function<void()>> turns_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_TURN_QUEUE_H_
