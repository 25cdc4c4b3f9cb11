// A thread whose callers take turns.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_TURN_QUEUE_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_TURN_QUEUE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <thread>

#include "lib/core/mutex.h"
#include "services/index/service/fair_turns.h"

namespace arkshare {

// Runs pieces of work, each for a caller (NetworkOfCaller and, at a network, a name), on one thread
// that lets more urgent threads go first. The networks take turns, and at each its callers,
// whatever each has waiting; the work of a caller runs in the order in which it was added. The user
// bounds how much is added, and how long a piece takes. Thread-safe.
class TurnQueue {
 public:
  // Does a part of the work, for about a millisecond or two. Returns true when there is more to do,
  // in the caller's next turn.
  using Steps = std::function<bool()>;
  using Caller = FairTurns<Steps>::Caller;

  TurnQueue();
  // Runs the rest of the work first.
  ~TurnQueue();

  void Add(const std::string& network, std::function<void()> work);
  void AddSteps(const Caller& caller, Steps steps);
  // Returns how much work of the caller waits.
  size_t SizeOf(const Caller& caller) const;

 private:
  void Run();

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  FairTurns<Steps> turns_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_TURN_QUEUE_H_
