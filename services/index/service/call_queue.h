// The work of calls that keep much memory, in turns and within bounds.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_CALL_QUEUE_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_CALL_QUEUE_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <cstddef>
#include <string>

#include "lib/core/mutex.h"
#include "services/index/service/turn_queue.h"

namespace arkshare {

// A TurnQueue whose waiting work is bounded: a caller has at most kMostOfCaller pieces of it, and
// the callers of an address together never have more bytes than are still free for others.
// Thread-safe. The lock of the TurnQueue is taken under this one's.
class CallQueue {
 public:
  static constexpr size_t kMostOfCaller = 8;
  static constexpr size_t kMostBytes = size_t{64} << 20;
  using Caller = TurnQueue::Caller;

  // Adds work that keeps `bytes` of memory. QUEUE_FULL, with a time to come back, when the caller
  // or its address has too much here.
  absl::Status Add(const Caller& caller, size_t bytes, TurnQueue::Steps work);

 private:
  void End(const std::string& address, size_t bytes);

  Mutex mutex_;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, size_t> bytes_of_address_ ABSL_GUARDED_BY(mutex_);
  TurnQueue turns_;  // the first to go, with the rest of the work
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_CALL_QUEUE_H_
