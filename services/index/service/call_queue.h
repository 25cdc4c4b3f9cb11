// A thread for work of many callers, in turns.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_CALL_QUEUE_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_CALL_QUEUE_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <cstddef>
#include <functional>
#include <string>
#include <thread>

#include "lib/core/mutex.h"
#include "services/index/service/fair_turns.h"

namespace arkshare {

// Runs the work of callers in turns on one thread that lets more urgent threads go first. What
// waits is bounded: a caller has at most kMostOfCaller pieces of work, and the callers of an
// address together never have more bytes than are still free for others. Thread-safe.
class CallQueue {
 public:
  static constexpr size_t kMostOfCaller = 8;
  static constexpr size_t kMostBytes = size_t{64} << 20;
  // Does a part of the work, for about a millisecond or two. Returns true when there is more to do.
  using Work = std::function<bool()>;
  struct Piece {
    size_t bytes = 0;
    Work work;
  };
  using Caller = FairTurns<Piece>::Caller;

  CallQueue();
  // Runs the rest of the work first.
  ~CallQueue();

  // Adds work that keeps `bytes` of memory. QUEUE_FULL, with a time to come back, when the caller
  // or its address has too much here.
  absl::Status Add(const Caller& caller, size_t bytes, Work work);

 private:
  void Run();
  void EndLocked(const std::string& address, size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  FairTurns<Piece> turns_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, size_t> bytes_of_address_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_CALL_QUEUE_H_
