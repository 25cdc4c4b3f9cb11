// A bounded number of uploads at a time, and a bounded queue in front of them.
#ifndef ARKSHARE_SERVICES_PEER_UPLOAD_QUEUE_H_
#define ARKSHARE_SERVICES_PEER_UPLOAD_QUEUE_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>

#include "lib/core/mutex.h"

namespace arkshare {

// First come, first served. Thread-safe.
class UploadQueue {
 public:
  static constexpr int kMaxWaiting = 64;

  explicit UploadQueue(int slots) : slots_(slots) {}

  // Held while uploading; gives the slot to the next in line when destroyed.
  class Slot {
   public:
    explicit Slot(UploadQueue* queue) : queue_(queue) {}
    Slot(Slot&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (queue_ != nullptr) queue_->Leave();
    }

   private:
    UploadQueue* queue_;
  };

  // Blocks until a slot is free. `on_position` is called, without locks, with how many are served
  // before this caller, at once and then whenever that changes or a second has passed; when it
  // returns false the caller no longer wants the slot: Cancelled. kQueueFull with a RetryInfo when
  // 64 wait already; kShuttingDown after Close.
  absl::StatusOr<Slot> Enter(const std::function<bool(int position)>& on_position);
  // Lets nobody in any more.
  void Close();

  int slots() const { return slots_; }
  int running() const;
  int waiting() const;

 private:
  void Leave();

  const int slots_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  std::list<uint64_t> line_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_number_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_UPLOAD_QUEUE_H_
