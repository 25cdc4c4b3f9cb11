// The scout and the streams of a fetch: who has the book, and its bytes from the network.
#include <absl/strings/str_cat.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "services/peer/book_fetch.h"
#include "services/peer/partial_books.h"
#include "services/peer/upload_turns.h"

namespace arkshare {
namespace {

constexpr absl::Duration kPingTimeout = absl::Seconds(2);
constexpr absl::Duration kManifestTimeout = absl::Seconds(60);  // its holder may have to hash again
constexpr absl::Duration kIdleLimit = absl::Seconds(5);
// Looks around in a row after which not one piece came, before giving up.
constexpr int kFruitlessLooks = 2;
// Before the last one of them when nobody could be reached: longer than a channel waits before it
// connects again.
constexpr absl::Duration kReconnectPause = absl::Milliseconds(1300);
// Between looks for more holders, while there are some.
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(5);
constexpr size_t kMostSources = 16;
constexpr int kStreamsPerSource = 2;
// Enough that neither the network nor the hasher waits for the other's hiccups.
constexpr size_t kMostWaitingBytes = 8 * 1024 * 1024;
// A free stream looks again after so long: a run that was fast may have become slow.
constexpr absl::Duration kIdleLook = absl::Milliseconds(200);

std::string Who(const BookHolder& holder) {
  return absl::StrCat("peer ", holder.peer_id, " at ", holder.address);
}

absl::Time Now() { return Clock::Real()->Monotonic(); }

}  // namespace

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
  spdlog::info("holder_failed peer={} address={} verified_pieces={} reason={} message=\"{}\"",
               holder.peer_id, holder.address, plan_.verified_count(),
               std::string(ReasonName(reason)), std::string(why.message()));
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

// --- The scout ---

void BookFetch::Scout() {
  absl::Duration pause = kFirstPause;
  uint64_t verified_before = 0;
  for (int fruitless = 0;;) {
    const bool reached_somebody = LookAround();
    MutexLock lock(&mutex_);
    const absl::Time next = Now() + pause;
    while (!end_.has_value() && HasSources() && Now() < next) {
      news_.WaitFor(&mutex_, next - Now());
    }
    pause = std::min(pause * 2, kLongestPause);
    if (end_.has_value()) return;
    if (HasSources()) continue;
    // Everybody has failed. Progress forgives that, and so does a queue that is merely full.
    absl::Duration wait = std::exchange(retry_after_, absl::ZeroDuration());
    if (plan_.verified_count() > std::exchange(verified_before, plan_.verified_count())) {
      fruitless = 0;
    } else if (wait == absl::ZeroDuration() && ++fruitless == kFruitlessLooks) {
      EndWith(last_failure_.ok()
                  ? MakeError(Reason::kNoHolderReachable,
                              "none of the peers that have the book can be reached now; try again "
                              "later")
                  : last_failure_);
      return;
    }
    if (!reached_somebody) wait = std::max(wait, kReconnectPause);
    pause = kFirstPause;
    for (const absl::Time until = Now() + wait; !end_.has_value() && Now() < until;) {
      news_.WaitFor(&mutex_, until - Now());
    }
    if (end_.has_value()) return;
  }
}

// Asks who has the book, and begins to read from those who are new and prove who they are. False
// when there are such, but none of them answers.
bool BookFetch::LookAround() {
  absl::StatusOr<std::vector<BookHolder>> found = job_.find_holders();
  if (!found.ok()) {
    // Without the index nobody new can be found; those who are known go on.
    MutexLock lock(&mutex_);
    if (!HasSources()) EndWith(last_failure_.ok() ? found.status() : last_failure_);
    return true;
  }
  std::vector<BookHolder> fresh;
  {
    MutexLock lock(&mutex_);
    std::set<PublicKey> known = liars_;
    for (const Source& source : sources_) {
      if (source.streams > 0) known.insert(source.holder.key);
    }
    for (BookHolder& holder : *found) {
      if (alone() && holder.partial) continue;
      if (known.size() - liars_.size() >= kMostSources) break;
      if (known.insert(holder.key).second) fresh.push_back(std::move(holder));
    }
  }
  if (fresh.empty()) return true;
  std::vector<BookHolder> reachable =
      parts_.holders->Reachable(std::move(fresh), kPingTimeout, size_);
  // Who is still receiving may not know the pieces yet.
  std::stable_partition(reachable.begin(), reachable.end(),
                        [](const BookHolder& holder) { return !holder.partial; });
  for (const BookHolder& holder : reachable) {
    {
      MutexLock lock(&mutex_);
      if (end_.has_value()) return true;
    }
    if (!pieces_.empty()) {
      AddSource(holder);
      continue;
    }
    // On a long line the first pieces come while the manifest does.
    const bool at_once = !holder.partial && NothingIsThere();
    if (at_once) AddSource(holder);
    if (LearnManifest(holder) && !at_once) AddSource(holder);
  }
  return !reachable.empty();
}

// Also finds out what is there already. False when there is nothing more to fetch, or when the
// holder has no manifest that is true.
bool BookFetch::LearnManifest(const BookHolder& holder) {
  const absl::Status fetched = FetchManifest(holder);
  if (fetched.ok()) KeepWhatIsThere();
  MutexLock lock(&mutex_);
  if (!fetched.ok()) {
    const auto source = std::find_if(sources_.begin(), sources_.end(), [&](const Source& s) {
      return s.holder.key == holder.key && !s.failed;
    });
    if (source == sources_.end()) {
      NoteFailure(holder, fetched);
    } else {
      Fail(*source, fetched);
    }
    return false;
  }
  has_manifest_ = true;
  arrivals_.push_front({});  // says what was there
  arrived_.NotifyAll();
  room_.NotifyAll();
  if (plan_.done()) EndWith(absl::OkStatus());
  return !plan_.done();
}

absl::Status BookFetch::FetchManifest(const BookHolder& holder) {
  grpc::ClientContext context;
  SetTimeout(context, kManifestTimeout);
  v1::GetManifestRequest request;
  *request.mutable_content() = ToProto(job_.content);
  v1::GetManifestResponse response;
  if (!Enter(nullptr, &context)) return absl::CancelledError();
  const grpc::Status status =
      parts_.holders->Stub(holder.address)->GetManifest(&context, request, &response);
  Leave(nullptr, &context);
  if (!status.ok()) return FromGrpcStatus(status, Who(holder));
  const std::string& hashes = response.piece_hashes();
  std::vector<Sha256Digest> pieces(hashes.size() / sizeof(Sha256Digest));
  if (!pieces.empty()) {
    std::memcpy(pieces.data(), hashes.data(), pieces.size() * sizeof(Sha256Digest));
  }
  if (hashes.size() % sizeof(Sha256Digest) != 0 || !VerifyManifest(job_.content, pieces).ok()) {
    return MakeError(Reason::kContentMismatch,
                     absl::StrCat(Who(holder), " sent a list of pieces that is not the book's"));
  }
  if (job_.offer != nullptr) job_.offer->SetManifest(pieces);
  pieces_ = std::move(pieces);
  return absl::OkStatus();
}

// A holder that fails and comes again is another source each time.
void BookFetch::JoinFailed() {
  std::vector<std::thread> ended;
  {
    MutexLock lock(&mutex_);
    for (Source& source : sources_) {
      if (!source.failed || source.streams > 0) continue;
      std::move(source.threads.begin(), source.threads.end(), std::back_inserter(ended));
      source.threads.clear();
    }
  }
  for (std::thread& thread : ended) thread.join();
}

void BookFetch::AddSource(const BookHolder& holder) {
  JoinFailed();
  const int streams = alone() ? 1 : kStreamsPerSource;
  PiecePlan::StreamId first_stream = 0;
  Source* source = nullptr;
  {
    MutexLock lock(&mutex_);
    source = &sources_.emplace_back(holder, streams);
    source->id = static_cast<PiecePlan::HolderId>(sources_.size());
    plan_.AddHolder(source->id, /*complete=*/!holder.partial);
    first_stream = last_stream_ + 1;
    last_stream_ += streams;
  }
  if (alone()) return ReadRuns(*source, first_stream);
  if (holder.partial) source->threads.emplace_back([this, source] { FollowNews(*source); });
  for (int i = 0; i < streams; ++i) {
    source->threads.emplace_back(
        [this, source, stream = first_stream + i] { ReadRuns(*source, stream); });
  }
}

// --- The streams ---

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
  return static_cast<uint32_t>(UploadTurns::ChunkBytes(limit, streams));
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
