// Cancels calls that make no progress.
#ifndef ARKSHARE_LIB_RPC_IDLE_WATCHDOG_H_
#define ARKSHARE_LIB_RPC_IDLE_WATCHDOG_H_

#include <absl/time/time.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <thread>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Watches blocking reads and writes, which have no timeout in gRPC, with one thread. Thread-safe.
class IdleWatchdog {
 public:
  explicit IdleWatchdog(const Clock* clock);
  ~IdleWatchdog();

  // Watches one call. Calls `cancel` once when Progress was not called for `limit`; at most 250 ms
  // late. `cancel` must not block. The watchdog must outlive the watch.
  class Watch {
   public:
    Watch(IdleWatchdog* dog, absl::Duration limit, std::function<void()> cancel);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    void Progress() { last_ns_.store(dog_->NowNanos(), std::memory_order_relaxed); }
    bool expired() const { return expired_.load(); }

   private:
    friend class IdleWatchdog;
    IdleWatchdog* const dog_;
    const absl::Duration limit_;
    const std::function<void()> cancel_;
    std::atomic<int64_t> last_ns_;
    std::atomic<bool> expired_{false};
    uint64_t number_ = 0;
  };

 private:
  int64_t NowNanos() const { return absl::ToUnixNanos(clock_->Monotonic()); }
  void Loop();

  const Clock* const clock_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, Watch*> watches_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_IDLE_WATCHDOG_H_
