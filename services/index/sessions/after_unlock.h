// Actions that must not run under a lock.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_AFTER_UNLOCK_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_AFTER_UNLOCK_H_

#include <functional>
#include <utility>
#include <vector>

namespace arkshare {

// Runs its actions, in their order, when it is destroyed. Must be declared before the lock, so that
// it is destroyed after it. Not thread-safe.
class AfterUnlock {
 public:
  AfterUnlock() = default;
  ~AfterUnlock() {
    for (const std::function<void()>& action : actions_) action();
  }
  AfterUnlock(const AfterUnlock&) = delete;
  AfterUnlock& operator=(const AfterUnlock&) = delete;

  void Do(std::function<void()> action) { actions_.push_back(std::move(action)); }

 private:
  std::vector<std::function<void()>> actions_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_AFTER_UNLOCK_H_
