// A mutex that serves its callers in the order in which they come.
#ifndef ARKSHARE_SERVICES_INDEX_FAIR_MUTEX_H_
#define ARKSHARE_SERVICES_INDEX_FAIR_MUTEX_H_

#include <cstddef>
#include <cstdint>

#include "lib/core/mutex.h"

namespace arkshare {

// A thread that takes an ordinary mutex again and again leaves the others little chance. Here a
// search that comes while a peer announces a million books waits for one message of them, not for
// luck.
class ABSL_LOCKABLE FairMutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    MutexLock lock(&mutex_);
    const uint64_t ticket = next_ticket_++;
    while (serving_ != ticket) turn_.Wait(&mutex_);
  }

  void Unlock() ABSL_UNLOCK_FUNCTION() {
    MutexLock lock(&mutex_);
    ++serving_;
    if (serving_ != next_ticket_) turn_.NotifyAll();
  }

  // How many threads wait now.
  size_t waiting() const {
    MutexLock lock(&mutex_);
    return next_ticket_ == serving_ ? 0 : static_cast<size_t>(next_ticket_ - serving_ - 1);
  }

 private:
  mutable Mutex mutex_;
  CondVar turn_;
  uint64_t next_ticket_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t serving_ ABSL_GUARDED_BY(mutex_) = 0;
};

class ABSL_SCOPED_LOCKABLE FairMutexLock {
 public:
  explicit FairMutexLock(FairMutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~FairMutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  FairMutexLock(const FairMutexLock&) = delete;
  FairMutexLock& operator=(const FairMutexLock&) = delete;

 private:
  FairMutex* const mutex_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_FAIR_MUTEX_H_
