#include "services/peer/upload_queue.h"

#include <absl/time/time.h>

#include <algorithm>
#include <iterator>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr absl::Duration kTellEvery = absl::Seconds(1);
constexpr absl::Duration kRetryAfter = absl::Seconds(5);

}  // namespace

absl::StatusOr<UploadQueue::Slot> UploadQueue::Enter(
    const std::function<bool(int position)>& on_position) {
  uint64_t number = 0;
  {
    MutexLock lock(&mutex_);
    if (closed_) return MakeError(Reason::kShuttingDown, "this peer is shutting down; try another");
    if (running_ < slots_ && line_.empty()) {
      ++running_;
      return Slot(this);
    }
    if (line_.size() >= kMaxWaiting) {
      return MakeError(Reason::kQueueFull, "too many others wait for this peer; try again later",
                       {}, kRetryAfter);
    }
    number = next_number_++;
    line_.push_back(number);
  }
  while (true) {
    int position = 0;
    {
      MutexLock lock(&mutex_);
      const auto place = std::find(line_.begin(), line_.end(), number);
      if (closed_) {
        line_.erase(place);
        return MakeError(Reason::kShuttingDown, "this peer is shutting down; try another");
      }
      position = static_cast<int>(std::distance(line_.begin(), place));
      if (position == 0 && running_ < slots_) {
        line_.erase(place);
        ++running_;
        changed_.NotifyAll();  // the others have moved up
        return Slot(this);
      }
    }
    if (!on_position(position)) {
      MutexLock lock(&mutex_);
      line_.remove(number);
      changed_.NotifyAll();
      return absl::CancelledError("the receiver has gone");
    }
    MutexLock lock(&mutex_);
    const auto place = std::find(line_.begin(), line_.end(), number);
    const bool may_enter = std::distance(line_.begin(), place) == 0 && running_ < slots_;
    if (!closed_ && !may_enter && std::distance(line_.begin(), place) == position) {
      changed_.WaitFor(&mutex_, kTellEvery);
    }
  }
}

void UploadQueue::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
  changed_.NotifyAll();
}

void UploadQueue::Leave() {
  MutexLock lock(&mutex_);
  --running_;
  changed_.NotifyAll();
}

int UploadQueue::running() const {
  MutexLock lock(&mutex_);
  return running_;
}

int UploadQueue::waiting() const {
  MutexLock lock(&mutex_);
  return static_cast<int>(line_.size());
}

}  // namespace arkshare
