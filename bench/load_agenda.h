// Runs the delayed work of a load generator: one thread, any number of plans.
#ifndef ARKSHARE_BENCH_LOAD_AGENDA_H_
#define ARKSHARE_BENCH_LOAD_AGENDA_H_

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <queue>
#include <thread>
#include <utility>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"

namespace arkshare {

// The clock of all loads; it never goes back.
inline absl::Time Now() { return Clock::Real()->Monotonic(); }

// Runs plans when they are due, on one thread. Thread-safe.
class Agenda {
 public:
  Agenda();
  ~Agenda();
  void After(absl::Duration delay, std::function<void()> action);
  // Drops the plans that are not due yet.
  void Stop();

 private:
  struct Item {
    absl::Time due;
    uint64_t order;
    std::function<void()> action;
    bool operator<(const Item& other) const {
      return std::pair(due, order) > std::pair(other.due, other.order);
    }
  };
  void Run();

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::priority_queue<Item> items_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_order_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_BENCH_LOAD_AGENDA_H_
