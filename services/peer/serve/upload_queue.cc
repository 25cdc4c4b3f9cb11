#include "services/peer/serve/upload_queue.h"

#include <algorithm>

#include "lib/core/errors.h"
#include "lib/core/limits.h"

namespace arkshare {
namespace {

constexpr absl::Duration kTellEvery = absl::Seconds(1);
constexpr absl::Duration kRetryAfter = absl::Seconds(5);
constexpr absl::Duration kNap = absl::Milliseconds(100);
// A receiver that gets nothing for five seconds turns to another holder.
constexpr uint64_t kMostSilentSeconds = 2;

absl::Status ShuttingDown() {
  return MakeError(Reason::kShuttingDown, "this peer is shutting down; try another");
}

}  // namespace

UploadQueue::UploadQueue(Options options, const Clock* clock)
    : options_(options),
      clock_(clock),
      line_(options.line),
      turns_(options.bytes_per_second, clock->Monotonic()) {}

absl::StatusOr<UploadQueue::Slot> UploadQueue::WaitForSlot(
    const std::string& flow, uint64_t bytes, const std::function<bool(const Place&)>& on_place) {
  Stream stream = 0;
  {
    MutexLock lock(&mutex_);
    if (closed_) return ShuttingDown();
    stream = next_stream_++;
    const uint64_t before = line_.version();
    if (!line_.Arrive(stream, flow, bytes)) {
      return MakeError(Reason::kQueueFull,
                       "too many other peers wait for this peer; try again later", {}, kRetryAfter);
    }
    if (line_.version() != before) line_changed_.NotifyAll();
    if (line_.IsRunning(stream)) return TakeSlot(stream, flow);
  }
  std::optional<int> told;
  while (true) {
    Place place;
    {
      MutexLock lock(&mutex_);
      if (told) AwaitNewPlace(stream, *told);
      if (line_.IsRunning(stream)) return TakeSlot(stream, flow);
      if (closed_) {
        LeaveLine(stream);
        return ShuttingDown();
      }
      place = {line_.Position(stream),
               line_.EstimatedWait(stream, meter_.BytesPerSecond(clock_->Monotonic()))};
    }
    if (!on_place(place)) {
      MutexLock lock(&mutex_);
      LeaveLine(stream);
      return absl::CancelledError("the receiver has gone");
    }
    told = place.position;
  }
}

UploadQueue::Slot UploadQueue::TakeSlot(Stream stream, const std::string& flow) {
  turns_.Join(stream, flow);
  being_sent_[stream] = 0;
  return Slot(this, stream);
}

void UploadQueue::AwaitNewPlace(Stream stream, int told) {
  const absl::Time until = clock_->Monotonic() + kTellEvery;
  while (!closed_ && !line_.IsRunning(stream) && line_.Position(stream) == told) {
    const absl::Duration left = until - clock_->Monotonic();
    if (left <= absl::ZeroDuration()) return;
    line_changed_.WaitFor(&mutex_, left);
  }
}

void UploadQueue::LeaveLine(Stream stream) {
  const uint64_t before = line_.version();
  line_.Leave(stream);
  if (line_.version() != before) line_changed_.NotifyAll();
}

void UploadQueue::ReleaseSlot(Stream stream) {
  MutexLock lock(&mutex_);
  const auto sent = being_sent_.find(stream);
  if (sent->second > 0) meter_.Note(sent->second, clock_->Monotonic());
  being_sent_.erase(sent);
  turns_.Leave(stream);
  LeaveLine(stream);
}

void UploadQueue::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
  line_changed_.NotifyAll();
}

uint64_t UploadQueue::NextBytes(Stream stream, uint64_t left, const std::function<bool()>& wanted) {
  {
    MutexLock lock(&mutex_);
    meter_.Note(std::exchange(being_sent_[stream], 0), clock_->Monotonic());
    if (turns_.rate() == 0 && senders_.empty()) {
      const uint64_t bytes = std::min(left, kMaxChunkBytes);
      NoteGranted(stream, bytes);
      return bytes;
    }
  }
  return WaitForTurn(stream, left, wanted);
}

uint64_t UploadQueue::WaitForTurn(Stream stream, uint64_t left,
                                  const std::function<bool()>& wanted) {
  Sender sender;
  {
    MutexLock lock(&mutex_);
    turns_.Want(stream, left);
    senders_[stream] = &sender;
    GrantTurns();
    if (sender.granted > 0) return sender.granted;
  }
  while (true) {
    SleepUntilTurn(stream, sender);
    const bool go_on = wanted();
    MutexLock lock(&mutex_);
    if (sender.granted == 0 && go_on) continue;
    if (senders_.erase(stream) > 0) turns_.Unwant(stream);
    PassTimer(stream);
    return sender.granted;
  }
}

void UploadQueue::SleepUntilTurn(Stream stream, Sender& sender) {
  MutexLock lock(&mutex_);
  if (sender.granted > 0) return;
  if (!timer_) timer_ = stream;
  const absl::Duration wait =
      timer_ == stream ? std::min(turns_.Wait(clock_->Monotonic()), kNap) : kNap;
  sender.changed.WaitFor(&mutex_, wait);
  GrantTurns();
}

void UploadQueue::GrantTurns() {
  const absl::Time now = clock_->Monotonic();
  while (const std::optional<UploadTurns::Turn> turn = turns_.Next(now)) {
    const auto sender = senders_.find(turn->stream);
    sender->second->granted = turn->bytes;
    sender->second->changed.NotifyOne();
    senders_.erase(sender);
    NoteGranted(turn->stream, turn->bytes);
  }
}

void UploadQueue::NoteGranted(Stream stream, uint64_t bytes) {
  being_sent_[stream] = bytes;
  line_.Sent(stream, bytes);
}

// Another sender has to watch the time when this one stops waiting.
void UploadQueue::PassTimer(Stream stream) {
  if (timer_ != stream) return;
  timer_.reset();
  if (!senders_.empty()) senders_.begin()->second->changed.NotifyOne();
}

void UploadQueue::SetLimit(uint64_t bytes_per_second) {
  const absl::Time now = clock_->Monotonic();
  MutexLock lock(&mutex_);
  const bool was_free = turns_.rate() == 0;
  turns_.SetRate(bytes_per_second, now);
  if (was_free) {
    // Chunks that were granted without a limit and are still being written go out under the new
    // one. On average half of such a chunk has gone.
    uint64_t on_the_way = 0;
    for (const auto& [stream, bytes] : being_sent_) on_the_way += bytes;
    turns_.Owe(std::min(on_the_way / 2, kMostSilentSeconds * bytes_per_second), now);
  }
  GrantTurns();
  // The old limit decided how long the timer sleeps.
  if (const auto timer = timer_ ? senders_.find(*timer_) : senders_.end();
      timer != senders_.end()) {
    timer->second->changed.NotifyOne();
  }
}

uint64_t UploadQueue::limit() const {
  MutexLock lock(&mutex_);
  return turns_.rate();
}

int UploadQueue::running() const {
  MutexLock lock(&mutex_);
  return line_.running();
}

int UploadQueue::waiting() const {
  MutexLock lock(&mutex_);
  return line_.waiting();
}

}  // namespace arkshare
