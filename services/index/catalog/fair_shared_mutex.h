// A lock for many short readers and a writer with long work.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_FAIR_SHARED_MUTEX_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_FAIR_SHARED_MUTEX_H_

#include <cstddef>
#include <cstdint>

#include "lib/core/mutex.h"

namespace arkshare {

// Readers share. A reader that comes while a writer writes waits only for that writer. A writer
// waits for at most kMostPassing readers that came after it. Writers are served in the order in
// which they come. std::shared_mutex and absl::Mutex promise none of this.
class ABSL_LOCKABLE FairSharedMutex {
 public:
  static constexpr int kMostPassing = 64;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    MutexLock lock(&mutex_);
    const uint64_t ticket = next_writer_++;
    while (writing_ || readers_ > 0 || serving_ != ticket) writer_turn_.Wait(&mutex_);
    writing_ = true;
    passed_ = 0;
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    MutexLock lock(&mutex_);
    writing_ = false;
    ++serving_;
    if (waiting_readers_ > 0) {
      readers_ += waiting_readers_;
      waiting_readers_ = 0;
      ++round_;
      reader_turn_.NotifyAll();
    } else if (next_writer_ != serving_) {
      writer_turn_.NotifyAll();
    }
  }
  // For a writer in the middle of its work: lets the threads that wait now go first, and sleeps
  // until they are done. Does not give up the processor, because on a busy machine that costs a
  // time slice of every thread that wants to run.
  void GiveWay() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    Unlock();
    Lock();
  }

  void LockShared() ABSL_SHARED_LOCK_FUNCTION() {
    MutexLock lock(&mutex_);
    const bool writer_waits = next_writer_ != serving_;
    if (!writing_ && (!writer_waits || passed_ < kMostPassing)) {
      if (writer_waits) ++passed_;
      ++readers_;
      return;
    }
    // The writer that ends the round lets all waiting readers in.
    ++waiting_readers_;
    const uint64_t round = round_;
    while (round_ == round) reader_turn_.Wait(&mutex_);
  }
  void UnlockShared() ABSL_UNLOCK_FUNCTION() {
    MutexLock lock(&mutex_);
    if (--readers_ == 0 && next_writer_ != serving_) writer_turn_.NotifyAll();
  }

  // Returns how many threads wait now.
  size_t waiting() const {
    MutexLock lock(&mutex_);
    return waiting_readers_ + static_cast<size_t>(next_writer_ - serving_) - (writing_ ? 1 : 0);
  }

 private:
  mutable Mutex mutex_;
  CondVar reader_turn_;
  CondVar writer_turn_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  size_t readers_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t waiting_readers_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t round_ ABSL_GUARDED_BY(mutex_) = 0;
  int passed_ ABSL_GUARDED_BY(mutex_) = 0;  // readers since the first writer began to wait
  uint64_t next_writer_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t serving_ ABSL_GUARDED_BY(mutex_) = 0;  // ticket of the writer that writes, or is next
};

class ABSL_SCOPED_LOCKABLE WriterLock {
 public:
  explicit WriterLock(FairSharedMutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~WriterLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  FairSharedMutex* const mutex_;
};

class ABSL_SCOPED_LOCKABLE ReaderLock {
 public:
  explicit ReaderLock(FairSharedMutex* mutex) ABSL_SHARED_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->LockShared();
  }
  ~ReaderLock() ABSL_UNLOCK_FUNCTION() { mutex_->UnlockShared(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  FairSharedMutex* const mutex_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_FAIR_SHARED_MUTEX_H_
