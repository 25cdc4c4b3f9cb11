// Bounds uploads: how many run at a time, how many wait for a slot, and their bytes a second.
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
#include <vector>

#include "lib/core/bell.h"
#include "lib/core/clock.h"
#include "lib/core/content_id.h"
#include "lib/core/goodput_meter.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/core/upload_turns.h"
#include "services/peer/serve/upload_line.h"

namespace arkshare {

// The bytes that a stream asks for, as its owner sees them.
struct UploadSubject {
  std::string name{};  // of the first book; empty when it is not known
  ContentId content{};
  uint32_t books = 1;
  uint64_t offset = 0;                  // of the range in the book
  std::optional<PublicKey> receiver{};  // only known in a group
};

// Threads wait here for what UploadLine (slots) and UploadTurns (bytes) decide. A receiver that has
// not taken yet what it was told of its place gets no slot. While another stream waits for its
// slot, a stream is parked when its receiver takes nothing: not its place, or the first message,
// for twenty milliseconds, nothing of its first bytes for half a second, or of later ones for ten
// seconds. Thread-safe.
class UploadQueue {
 public:
  struct Options {
    UploadLine::Options line{};
    uint64_t bytes_per_second = 0;  // 0: no limit
    // How long a receiver may take nothing while other streams wait, before its stream is parked.
    // Any receiver has room for the first message, of some hundred bytes, and for the first bytes
    // at once. A later chunk of 1 MiB is long on its way on a slow line.
    absl::Duration first_message_limit = absl::Milliseconds(20);
    absl::Duration first_bytes_limit = absl::Milliseconds(500);
    absl::Duration chunk_limit = absl::Seconds(10);
  };

  // Rings `bell`, unless it is nullptr, when a stream comes, goes or gets a slot. Both must outlive
  // it.
  UploadQueue(Options options, const Clock* clock, Bell* bell = nullptr);

  // One thread holds it while it uploads. Its destructor gives the slot to the next in line.
  class Slot {
   public:
    Slot(Slot&& other) noexcept
        : queue_(std::exchange(other.queue_, nullptr)), stream_(other.stream_) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (queue_ != nullptr) queue_->ReleaseSlot(stream_);
    }

    // Returns how many of the `left` bytes, more than 0, to send now: 1 to kMaxChunkBytes. Under a
    // limit it waits for the turn of this stream. The bytes that it granted before count as sent.
    // Waits for a slot again when the stream was parked. While it waits it calls `wanted`, without
    // locks, at least every 100 ms; when that returns false, or the stream is dropped, the wait
    // ends and the result is 0.
    uint64_t NextBytes(uint64_t left, const std::function<bool()>& wanted) {
      return queue_->NextBytes(stream_, left, wanted);
    }

   private:
    friend class UploadQueue;
    Slot(UploadQueue* queue, UploadLine::Stream stream) : queue_(queue), stream_(stream) {}

    UploadQueue* queue_;
    UploadLine::Stream stream_;
  };

  using Subject = UploadSubject;
  struct Place {
    int position = 0;  // how many streams are served before
    std::optional<absl::Duration> estimated_wait{};
  };
  // Waits until a slot is free for `bytes` to a receiver. While it waits it calls `on_place`,
  // without locks: at once, and then when the position changes or a second has passed. `cancel`
  // ends the call when the stream is dropped while its thread is blocked; it is called with a lock
  // held, at most once, before the slot is destroyed, and must not block. Errors: Cancelled when
  // on_place returned false; kQueueFull with a RetryInfo when too many streams wait; kShuttingDown
  // after Close.
  absl::StatusOr<Slot> WaitForSlot(
      const UploadLine::Receiver& receiver, uint64_t bytes,
      const std::function<bool(const Place&)>& on_place, std::function<void()> cancel = [] {},
      Subject subject = {});
  // Gives out no more slots.
  void Close();

  // Bytes a second, 0: no limit. Also applies to streams that wait already.
  void SetLimit(uint64_t bytes_per_second);
  uint64_t limit() const;
  int slots() const { return options_.line.slots; }
  // The most streams that can be here, running and waiting.
  int most_streams() const;
  // See UploadLine.
  int running() const;
  int waiting() const;
  int ready() const;

  using Stream = UploadLine::Stream;
  // A stream that is here, as the owner sees it.
  struct View {
    enum class State { kWaiting, kRunning, kParked };

    Stream stream = 0;  // from 1, in the order in which they came
    State state = State::kWaiting;
    Subject subject{};
    std::string flow{};  // of UploadLine::Receiver
    uint64_t bytes = 0;  // to be sent in all
    uint64_t bytes_sent = 0;
    double bytes_per_second = 0;
    int position = 0;  // while it waits
    absl::Time start{};
  };
  // Oldest first.
  std::vector<View> List() const;
  // The bytes that were sent since the beginning.
  uint64_t bytes_sent() const;
  double BytesPerSecond() const;

 private:
  // A stream whose thread waits to send.
  struct Sender {
    CondVar changed;
    uint64_t granted = 0;
  };

  struct Upload {
    std::function<void()> cancel;
    bool begun = false;       // its receiver has taken the first messages
    uint64_t being_sent = 0;  // granted last, and not yet taken by the receiver
    uint64_t written = 0;     // in all; gRPC has taken them, and all but its buffer the receiver
    // Since when its thread writes; InfiniteFuture while it does not.
    absl::Time writing_since;
    std::string flow;
    Subject subject;
    uint64_t bytes = 0;  // to be sent in all
    GoodputMeter meter{};
    absl::Time start;
  };

  // The stream runs: gives it its slot.
  Slot TakeSlot(Stream stream, const UploadLine::Receiver& receiver)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Calls `on_place`. False when that did.
  bool TellPlace(Stream stream, const Place& place,
                 const std::function<bool(const Place&)>& on_place);
  void ReleaseSlot(Stream stream);
  // Waits until the position differs from `told`, the stream runs or is dropped, or kTellEvery has
  // passed.
  void AwaitNewPlace(Stream stream, int told) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LeaveLine(Stream stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Time ParkDue(const Upload& upload) const;
  // Parks the streams that are in the way of others. Returns when the next one is to be parked.
  absl::Time ParkStalled() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tells the threads what has changed in the line since version `before`.
  void NotifyLine(uint64_t before) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits until a parked stream has a slot again; false when it is not wanted or was dropped.
  bool Unpark(Stream stream, const std::function<bool()>& wanted);

  uint64_t NextBytes(Stream stream, uint64_t left, const std::function<bool()>& wanted);
  uint64_t WaitForTurn(Stream stream, uint64_t left, const std::function<bool()>& wanted);
  // Sleeps once, for 100 ms at most.
  void SleepUntilTurn(Stream stream, Sender& sender);
  // Grants all turns that the limit allows now.
  void GrantTurns() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The receiver has taken what was granted last.
  void NoteTaken(Upload& upload) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteGranted(Stream stream, uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PassTimer(Stream stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const Clock* const clock_;
  Bell* const bell_;
  mutable Mutex mutex_;
  CondVar line_changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  Stream next_stream_ ABSL_GUARDED_BY(mutex_) = 1;
  UploadLine line_ ABSL_GUARDED_BY(mutex_);
  UploadTurns turns_ ABSL_GUARDED_BY(mutex_);
  GoodputMeter meter_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_sent_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Stream, Upload> uploads_ ABSL_GUARDED_BY(mutex_);
  std::map<Stream, Sender*> senders_ ABSL_GUARDED_BY(mutex_);  // that wait for a turn
  // This sender sleeps until the limit allows more and then grants the next turn to any of them.
  // The others sleep until they are woken. So a grant wakes two threads at most.
  std::optional<Stream> timer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_QUEUE_H_
