// The streams of a fetch: its bytes from the network.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "lib/rpc/status.h"
#include "services/peer/disk/partial_books.h"
#include "services/peer/fetch/book_fetch.h"

namespace arkshare {
namespace {

constexpr absl::Duration kIdleLimit = absl::Seconds(5);
// Enough that neither the network nor the hasher waits for the other's hiccups.
constexpr size_t kMostWaitingBytes = 8 * 1024 * 1024;
// A free stream looks again after so long: a run that was fast may have become slow.
constexpr absl::Duration kIdleLook = absl::Milliseconds(200);

}  // namespace

std::string BookFetch::Who(const BookHolder& holder) {
  return absl::StrCat("peer ", holder.peer_id, " at ", holder.address);
}

absl::Time BookFetch::Now() { return Clock::Real()->Monotonic(); }

bool BookFetch::Enter(Source* source, grpc::ClientContext* context) {
  MutexLock lock(&mutex_);
  if (end_.has_value() || (source != nullptr && source->failed)) return false;
  calls_.insert(context);
  if (source != nullptr) source->calls.insert(context);
  return true;
}

void BookFetch::Leave(Source* source, grpc::ClientContext* context) {
  MutexLock lock(&mutex_);
  calls_.erase(context);
  if (source != nullptr) source->calls.erase(context);
}

void BookFetch::WakeIdle() {
  for (Source& source : sources_) source.idle.NotifyAll();
}

uint64_t BookFetch::BytesOf(PiecePlan::Range run) const {
  return std::min(run.end * piece_length_, size_) - run.first * piece_length_;
}

bool BookFetch::HasSources() const {
  return std::any_of(sources_.begin(), sources_.end(),
                     [](const Source& source) { return source.streams > 0; });
}

void BookFetch::Fail(Source& source, const absl::Status& why) {
  if (std::exchange(source.failed, true)) return;
  for (grpc::ClientContext* call : source.calls) call->TryCancel();
  NoteFailure(source.holder, why);
  source.idle.NotifyAll();
  room_.NotifyAll();
}

void BookFetch::NoteFailure(const BookHolder& holder, const absl::Status& why) {
  if (end_.has_value()) return;
  const Reason reason = GetReason(why);
  LogInfo("holder_failed", {{"peer", holder.peer_id},
                            {"address", holder.address},
                            {"verified_pieces", plan_.verified_count()},
                            {"why", why}});
  // Who has a part only has no say in whether the book can be had.
  if (!holder.partial) {
    // Nobody here has cancelled anything: for the peer as a whole that would mean that it stops.
    last_failure_ =
        absl::IsCancelled(why) ? MakeError(Reason::kPeerUnreachable, why.message()) : why;
  }
  if (reason == Reason::kContentMismatch) liars_.insert(holder.key);
  if (reason == Reason::kQueueFull || reason == Reason::kBookUnsettled) {
    retry_after_ = GetRetryAfter(why).value_or(absl::Seconds(1));
  }
  if (reason == Reason::kBookMoved && job_.source && *job_.source == holder.key) EndWith(why);
}

void BookFetch::ReadRuns(Source& source, PiecePlan::StreamId stream) {
  while (const std::optional<PiecePlan::Range> run = AwaitRun(source, stream)) {
    const absl::Status status = ReadRun(source, stream, *run);
    Reading ended;
    {
      MutexLock lock(&mutex_);
      UpdateRates();
      ended = readings_.extract(stream).mapped();
      plan_.End(stream);
      if (!status.ok()) Fail(source, status);
      // What it did not bring is for others.
      if (ended.bytes < BytesOf(*run)) WakeIdle();
    }
    parts_.holders->NoteGoodput(source.holder.key, ended.bytes, Now() - ended.begin);
  }
  MutexLock lock(&mutex_);
  if (--source.streams == 0) plan_.RemoveHolder(source.id);
  news_.NotifyAll();
}

// nullopt when the stream has nothing to do any more.
std::optional<PiecePlan::Range> BookFetch::AwaitRun(Source& source, PiecePlan::StreamId stream) {
  // Holders of parts may all lack the same pieces, and would be waited for for ever.
  IdleWatchdog::Watch watch(parts_.watchdog, kIdleLimit, [] {});
  MutexLock lock(&mutex_);
  while (!end_.has_value() && !source.failed) {
    UpdateRates();
    if (const std::optional<PiecePlan::Range> run = plan_.Begin(stream, source.id)) {
      readings_[stream] = {.source = &source, .begin = Now()};
      return run;
    }
    if (alone()) return std::nullopt;
    if (!readings_.empty() || waiting_bytes_ > 0) watch.Progress();
    if (watch.expired()) {
      Fail(source, MakeError(Reason::kPieceNotHere,
                             absl::StrCat(Who(source.holder), " has nothing that is missing")));
    }
    source.idle.WaitFor(&mutex_, kIdleLook);
  }
  return std::nullopt;
}

// A holder's rate is what its runs bring on the average; that of earlier runs while it has none.
void BookFetch::UpdateRates() {
  std::map<Source*, double> rates;
  for (const auto& [stream, reading] : readings_) {
    const double seconds = absl::ToDoubleSeconds(Now() - reading.begin);
    if (seconds <= 0) continue;
    rates[reading.source] += static_cast<double>(reading.bytes) / seconds;
  }
  for (const auto& [source, rate] : rates) {
    source->rate = rate;
    plan_.SetRate(source->id, rate);
  }
}

bool BookFetch::Pace(uint64_t bytes, IdleWatchdog::Watch& watch) {
  return parts_.limiter->Pay(bytes, [&] {
    watch.Progress();
    MutexLock lock(&mutex_);
    return !end_.has_value();
  });
}

// What comes at a time under the download limit: what has come is only paid for afterwards.
uint32_t BookFetch::BiteBytes(uint64_t limit) {
  if (limit == 0) return 0;
  MutexLock lock(&mutex_);
  size_t streams = 0;
  for (const Source& source : sources_) streams += static_cast<size_t>(source.streams);
  return static_cast<uint32_t>(ChunkBytes(limit, streams));
}

std::string BookFetch::SpareBuffer() {
  MutexLock lock(&mutex_);
  if (spare_.empty()) return {};
  std::string buffer = std::move(spare_.back());
  spare_.pop_back();
  return buffer;
}

std::optional<Sha256Digest> BookFetch::HashIfPiece(uint64_t offset, const std::string& data) const {
  const uint64_t piece = offset / piece_length_;
  if (offset % piece_length_ != 0 || data.size() != PieceBytes(size_, piece)) return std::nullopt;
  return PieceHash(size_, AsBytes(data));
}

// False when the stream should stop: nobody wants the rest of its run.
bool BookFetch::HandOver(Arrival arrival, IdleWatchdog::Watch& watch) {
  if (alone()) {
    const absl::Status accepted = Accept(arrival);
    MutexLock lock(&mutex_);
    readings_[arrival.stream].bytes += arrival.data.size();
    if (!accepted.ok()) EndWith(accepted);
    return !end_.has_value();
  }
  Source& source = *arrival.source;
  MutexLock lock(&mutex_);
  // What comes before the manifest could be anything: a piece of it is enough.
  while (waiting_bytes_ >= (has_manifest_ ? kMostWaitingBytes : 1) && !end_.has_value() &&
         !source.failed) {
    room_.WaitFor(&mutex_, absl::Seconds(1));
    watch.Progress();
  }
  if (end_.has_value() || source.failed) return false;
  const uint64_t begin = arrival.offset;
  const uint64_t end = begin + arrival.data.size();
  const PiecePlan::StreamId stream = arrival.stream;
  readings_[stream].bytes += arrival.data.size();
  waiting_bytes_ += arrival.data.size();
  arrivals_.push_back(std::move(arrival));
  arrived_.NotifyAll();
  if (begin == end) return true;
  const uint64_t whole_pieces = end == size_ ? piece_count_ : end / piece_length_;
  for (uint64_t piece = begin / piece_length_; piece < whole_pieces; ++piece) plan_.Arrived(stream);
  if (plan_.EndsSoon(stream)) source.idle.NotifyAll();
  return end == size_ || plan_.Wanted(stream, end / piece_length_);
}

// One call: what was asked for, in order. OK also when it was cut short because nobody wants the
// rest.
absl::Status BookFetch::ReadRun(Source& source, PiecePlan::StreamId stream, PiecePlan::Range run) {
  const BookHolder& holder = source.holder;
  uint64_t at = run.first * piece_length_;
  const uint64_t end = std::min(run.end * piece_length_, size_);
  grpc::ClientContext context;
  IdleWatchdog::Watch watch(parts_.watchdog, kIdleLimit, [&context] { context.TryCancel(); });
  v1::DownloadRequest request;
  *request.mutable_content() = ToProto(job_.content);
  request.set_read_offset(at);
  request.set_read_limit(end - at);
  const uint64_t limit = parts_.limiter->rate();
  request.set_max_chunk_bytes(BiteBytes(limit));
  if (!Enter(&source, &context)) return absl::OkStatus();
  const std::shared_ptr<v1::FileService::Stub> stub = parts_.holders->Stub(holder.address, limit);
  const auto reader = stub->Download(&context, request);

  absl::Status failure = absl::OkStatus();
  bool wanted = true;
  bool queued = false;
  bool open = true;
  v1::DownloadResponse message;
  while (at < end && wanted && failure.ok()) {
    open = reader->Read(&message);
    if (!open) break;
    watch.Progress();
    if (message.has_queued()) {
      queued = true;
      wanted = HandOver(
          {.stream = stream, .source = &source, .place = QueuePlaceOf(message.queued())}, watch);
      continue;
    }
    if (!message.has_chunk()) {
      {
        MutexLock lock(&mutex_);
        readings_[stream].begin = Now();  // the time in the queue says nothing of the holder
      }
      if (std::exchange(queued, false)) {
        wanted = HandOver({.stream = stream, .source = &source}, watch);
      }
      continue;
    }
    std::string& data = *message.mutable_chunk()->mutable_data();
    const uint64_t bytes = data.size();
    if (message.chunk().offset() != at || bytes == 0 || bytes > end - at) {
      failure = MakeError(Reason::kContentMismatch,
                          absl::StrCat(Who(holder), " sent bytes that were not asked for"));
      break;
    }
    Arrival arrival{.stream = stream, .source = &source, .offset = at};
    arrival.piece_hash = HashIfPiece(at, data);
    arrival.data = std::exchange(data, SpareBuffer());
    wanted = HandOver(std::move(arrival), watch) && Pace(bytes, watch);
    at += bytes;
    // Under another limit it is asked in another way.
    if (at % piece_length_ == 0 && parts_.limiter->rate() != limit) wanted = false;
  }
  // After the last byte there is only the end to read.
  if (open && at == end) open = reader->Read(&message);
  if (open) context.TryCancel();
  const grpc::Status status = reader->Finish();
  Leave(&source, &context);
  if (!failure.ok()) return failure;
  if (at == end || !wanted) return absl::OkStatus();
  if (watch.expired()) {
    return MakeError(Reason::kStreamStalled, absl::StrCat(Who(holder), " sent nothing for ",
                                                          absl::FormatDuration(kIdleLimit)));
  }
  if (!status.ok()) return FromGrpcStatus(status, Who(holder));
  return MakeError(Reason::kContentMismatch,
                   absl::StrCat(Who(holder), " ended the download before the end of the book"));
}

}  // namespace arkshare
