// Uploads: a bounded number at a time, a bounded line in front of them, and a limit on their bytes.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_QUEUE_H_
#define ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_QUEUE_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/serve/goodput_meter.h"
#include "services/peer/serve/upload_line.h"
#include "services/peer/serve/upload_turns.h"

namespace arkshare {

// Threads wait here for what UploadLine (slots) and UploadTurns (bytes) decide. Thread-safe.
class UploadQueue {
 public:
  struct Options {
    UploadLine::Options line{};
    uint64_t bytes_per_second = 0;  // 0: no limit
  };

  UploadQueue(Options options, const Clock* clock);

  // Held while uploading, by one thread; gives the slot to the next in line when destroyed.
  class Slot {
   public:
    Slot(Slot&& other) noexcept
        : queue_(std::exchange(other.queue_, nullptr)), stream_(other.stream_) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (queue_ != nullptr) queue_->Leave(stream_);
    }

    // How many of the `left` bytes, more than 0, to send now: 1 to kMaxChunkBytes. Waits
    // while the limit and the turns of others say so; without a limit it does not. What was granted
    // before counts as sent. `wanted` is called, without locks, at least every 100 ms while it
    // waits; when it returns false the wait ends, with 0.
    uint64_t Next(uint64_t left, const std::function<bool()>& wanted) {
      return queue_->Next(stream_, left, wanted);
    }

   private:
    friend class UploadQueue;
    Slot(UploadQueue* queue, UploadLine::Stream stream) : queue_(queue), stream_(stream) {}

    UploadQueue* queue_;
    UploadLine::Stream stream_;
  };

  struct Place {
    int position = 0;  // how many are served before
    std::optional<absl::Duration> estimated_wait{};
  };
  // Blocks until a slot is free for `bytes` to `flow`, which names the receiver. `on_place` is
  // called, without locks, at once and then whenever the position changes or a second has passed;
  // when it returns false the caller no longer wants the slot: Cancelled. kQueueFull with a
  // RetryInfo when too many wait already; kShuttingDown after Close.
  absl::StatusOr<Slot> Enter(const std::string& flow, uint64_t bytes,
                             const std::function<bool(const Place&)>& on_place);
  // Lets nobody in any more.
  void Close();

  // Bytes a second, 0: no limit. Counts at once, also for those that wait.
  void SetLimit(uint64_t bytes_per_second);
  uint64_t limit() const;
  int slots() const { return options_.line.slots; }
  // See UploadLine.
  int running() const;
  int waiting() const;

 private:
  using Stream = UploadLine::Stream;
  // A stream whose thread waits to send.
  struct Sender {
    CondVar changed;
    uint64_t granted = 0;
  };

  absl::StatusOr<Slot> Admitted(Stream stream, const std::string& flow)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // In line: until there is something to tell, or kTellEvery has passed.
  void AwaitNews(Stream stream, int told) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(Stream stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Leave(Stream stream);

  uint64_t Next(Stream stream, uint64_t left, const std::function<bool()>& wanted);
  uint64_t NextTurn(Stream stream, uint64_t left, const std::function<bool()>& wanted);
  // Waits once, for 100 ms at most.
  void AwaitTurn(Stream stream, Sender& sender);
  // Grants what may be granted now.
  void Grant() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Granted(Stream stream, uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PassTimer(Stream stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const Clock* const clock_;
  mutable Mutex mutex_;
  CondVar line_changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  Stream next_stream_ ABSL_GUARDED_BY(mutex_) = 1;
  UploadLine line_ ABSL_GUARDED_BY(mutex_);
  UploadTurns turns_ ABSL_GUARDED_BY(mutex_);
  GoodputMeter meter_ ABSL_GUARDED_BY(mutex_);
  std::map<Stream, uint64_t> being_sent_ ABSL_GUARDED_BY(mutex_);  // granted last
  std::map<Stream, Sender*> senders_ ABSL_GUARDED_BY(mutex_);      // who wait for a turn
  // One of them sleeps until the limit allows more and then grants, to whomever; the others sleep
  // until they are woken. So a grant wakes two threads at most.
  std::optional<Stream> timer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_QUEUE_H_
