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
// gRPC itself buffers this much of a stream, so a receiver has taken something when more is
// written. Until then, grants are no larger while others wait.
constexpr uint64_t kFirstBytes = 64 * 1024;

absl::Status TooManyWait() {
  return MakeError(Reason::kQueueFull, "too many other peers wait for this peer; try again later",
                   {}, kRetryAfter);
}

absl::Status ShuttingDown() {
  return MakeError(Reason::kShuttingDown, "this peer is shutting down; try another");
}

}  // namespace

UploadQueue::UploadQueue(Options options, const Clock* clock, Bell* bell)
    : options_(options),
      clock_(clock),
      bell_(bell),
      line_(options.line),
      turns_(options.bytes_per_second, clock->Monotonic()) {}

absl::StatusOr<UploadQueue::Slot> UploadQueue::WaitForSlot(
    const UploadLine::Receiver& receiver, uint64_t bytes,
    const std::function<bool(const Place&)>& on_place, std::function<void()> cancel,
    Subject subject) {
  Stream stream = 0;
  {
    MutexLock lock(&mutex_);
    if (closed_) return ShuttingDown();
    stream = next_stream_++;
    ParkStalled();
    const uint64_t before = line_.version();
    const bool arrived = line_.Arrive(stream, receiver, bytes);
    NotifyLine(before);
    if (!arrived) return TooManyWait();
    uploads_[stream] = {.cancel = std::move(cancel),
                        .writing_since = absl::InfiniteFuture(),
                        .flow = receiver.flow,
                        .subject = std::move(subject),
                        .bytes = bytes,
                        .start = clock_->Now()};
    if (bell_ != nullptr) bell_->Ring();
    ParkStalled();
    if (line_.IsRunning(stream)) return TakeSlot(stream, receiver);
  }
  std::optional<int> told;
  while (true) {
    Place place;
    {
      MutexLock lock(&mutex_);
      if (told) AwaitNewPlace(stream, *told);
      if (line_.IsRunning(stream)) return TakeSlot(stream, receiver);
      const bool dropped = line_.IsDropped(stream);
      if (closed_ || dropped) {
        LeaveLine(stream);
        return dropped ? TooManyWait() : ShuttingDown();
      }
      place = {line_.Position(stream),
               line_.EstimatedWait(stream, meter_.BytesPerSecond(clock_->Monotonic()))};
    }
    if (!TellPlace(stream, place, on_place)) {
      MutexLock lock(&mutex_);
      LeaveLine(stream);
      return absl::CancelledError("the receiver has gone");
    }
    told = place.position;
  }
}

bool UploadQueue::TellPlace(Stream stream, const Place& place,
                            const std::function<bool(const Place&)>& on_place) {
  {
    MutexLock lock(&mutex_);
    line_.SetReady(stream, false);
    uploads_.at(stream).writing_since = clock_->Monotonic();
  }
  const bool wanted = on_place(place);
  MutexLock lock(&mutex_);
  uploads_.at(stream).writing_since = absl::InfiniteFuture();
  const uint64_t before = line_.version();
  if (line_.IsParked(stream)) line_.Resume(stream);
  line_.SetReady(stream, true);
  NotifyLine(before);
  return wanted;
}

UploadQueue::Slot UploadQueue::TakeSlot(Stream stream, const UploadLine::Receiver& receiver) {
  turns_.Join(stream, receiver.flow);
  uploads_.at(stream).writing_since = clock_->Monotonic();
  return Slot(this, stream);
}

void UploadQueue::AwaitNewPlace(Stream stream, int told) {
  const absl::Time until = clock_->Monotonic() + kTellEvery;
  while (!closed_) {
    const absl::Time next = std::min(until, ParkStalled());
    if (line_.IsRunning(stream) || line_.IsDropped(stream) || line_.Position(stream) != told)
      return;
    const absl::Time now = clock_->Monotonic();
    if (now >= until) return;
    line_changed_.WaitFor(&mutex_, next - now);
  }
}

absl::Time UploadQueue::ParkStalled() {
  absl::Time next = absl::InfiniteFuture();
  if (line_.waiting() == 0) return next;
  const absl::Time now = clock_->Monotonic();
  const uint64_t before = line_.version();
  for (const auto& [stream, upload] : uploads_) {
    if (!line_.IsWaiting(stream) && !line_.IsInTheWay(stream)) continue;
    const absl::Time due = ParkDue(upload);
    if (due <= now) {
      line_.Park(stream);
    } else {
      next = std::min(next, due);
    }
  }
  NotifyLine(before);
  return next;
}

absl::Time UploadQueue::ParkDue(const Upload& upload) const {
  if (!upload.begun) return upload.writing_since + options_.first_message_limit;
  return upload.writing_since +
         (upload.written > kFirstBytes ? options_.chunk_limit : options_.first_bytes_limit);
}

void UploadQueue::NotifyLine(uint64_t before) {
  if (line_.version() == before) return;
  line_changed_.NotifyAll();
  if (bell_ != nullptr) bell_->Ring();
  for (const Stream stream : line_.TakeDropped()) {
    const Upload& upload = uploads_.at(stream);
    // Otherwise its thread is here, and answers with the reason.
    if (upload.writing_since != absl::InfiniteFuture()) upload.cancel();
  }
}

void UploadQueue::LeaveLine(Stream stream) {
  const uint64_t before = line_.version();
  line_.Leave(stream);
  uploads_.erase(stream);
  if (bell_ != nullptr) bell_->Ring();
  NotifyLine(before);
}

void UploadQueue::ReleaseSlot(Stream stream) {
  MutexLock lock(&mutex_);
  Upload& upload = uploads_.at(stream);
  if (upload.being_sent > 0) NoteTaken(upload);
  turns_.Leave(stream);
  LeaveLine(stream);
}

bool UploadQueue::Unpark(Stream stream, const std::function<bool()>& wanted) {
  {
    MutexLock lock(&mutex_);
    const uint64_t before = line_.version();
    if (line_.IsParked(stream)) line_.Resume(stream);
    NotifyLine(before);
  }
  while (true) {
    {
      MutexLock lock(&mutex_);
      ParkStalled();
      if (line_.IsRunning(stream)) return true;
      if (closed_ || line_.IsDropped(stream)) return false;
      line_changed_.WaitFor(&mutex_, kNap);
    }
    if (!wanted()) return false;
  }
}

void UploadQueue::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
  line_changed_.NotifyAll();
}

uint64_t UploadQueue::NextBytes(Stream stream, uint64_t left, const std::function<bool()>& wanted) {
  bool has_slot = true;
  {
    MutexLock lock(&mutex_);
    Upload& upload = uploads_.at(stream);
    NoteTaken(upload);
    upload.begun = true;
    upload.writing_since = absl::InfiniteFuture();
    if (line_.IsDropped(stream)) return 0;
    has_slot = line_.IsRunning(stream);
  }
  if (!has_slot && !Unpark(stream, wanted)) return 0;
  {
    MutexLock lock(&mutex_);
    if (line_.waiting() > 0 && uploads_.at(stream).written <= kFirstBytes) {
      left = std::min(left, kFirstBytes);
    }
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

void UploadQueue::NoteTaken(Upload& upload) {
  const absl::Time now = clock_->Monotonic();
  const uint64_t bytes = std::exchange(upload.being_sent, 0);
  meter_.Note(bytes, now);
  upload.meter.Note(bytes, now);
  upload.written += bytes;
  bytes_sent_ += bytes;
}

void UploadQueue::NoteGranted(Stream stream, uint64_t bytes) {
  Upload& upload = uploads_.at(stream);
  upload.being_sent = bytes;
  upload.writing_since = clock_->Monotonic();
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
    for (const auto& [stream, upload] : uploads_) on_the_way += upload.being_sent;
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

int UploadQueue::most_streams() const {
  MutexLock lock(&mutex_);
  return line_.most_streams();
}

int UploadQueue::running() const {
  MutexLock lock(&mutex_);
  return line_.running();
}

int UploadQueue::waiting() const {
  MutexLock lock(&mutex_);
  return line_.waiting();
}

int UploadQueue::ready() const {
  MutexLock lock(&mutex_);
  return line_.ready();
}

std::vector<UploadQueue::View> UploadQueue::List() const {
  MutexLock lock(&mutex_);
  const absl::Time now = clock_->Monotonic();
  std::vector<View> views;
  for (const auto& [stream, upload] : uploads_) {
    if (line_.IsDropped(stream)) continue;
    View view{.stream = stream,
              .subject = upload.subject,
              .flow = upload.flow,
              .bytes = upload.bytes,
              .bytes_sent = upload.written,
              .bytes_per_second = upload.meter.BytesPerSecond(now),
              .start = upload.start};
    if (line_.IsRunning(stream)) {
      view.state = View::State::kRunning;
    } else if (line_.IsParked(stream)) {
      view.state = View::State::kParked;
    } else {
      view.position = line_.Position(stream);
    }
    views.push_back(std::move(view));
  }
  return views;
}

uint64_t UploadQueue::bytes_sent() const {
  MutexLock lock(&mutex_);
  return bytes_sent_;
}

double UploadQueue::BytesPerSecond() const {
  MutexLock lock(&mutex_);
  return meter_.BytesPerSecond(clock_->Monotonic());
}

}  // namespace arkshare
