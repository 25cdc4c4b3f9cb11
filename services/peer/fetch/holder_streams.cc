#include "services/peer/fetch/holder_streams.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/core/merkle.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr absl::Duration kIdleLimit = absl::Seconds(5);
constexpr int kStreamsPerHolder = 2;
// A book of one piece is read from one holder at a time. After this time in a holder's queue the
// next one is asked; the last one is waited for.
constexpr absl::Duration kQueuePatience = absl::Seconds(30);

// The holder's message is not what the contract of Download allows at this place.
absl::Status BreaksContract(const BookHolder& holder, absl::string_view what) {
  return MakeError(
      Reason::kAnswerInvalid,
      absl::StrCat(DescribeHolder(holder), " breaks the contract of Download: ", what));
}

}  // namespace

HolderStreams::HolderStreams(const FetchParts& parts, const FetchJob& job, Swarm* swarm,
                             ArrivalQueue* queue, HandOver hand_over)
    : parts_(parts),
      job_(job),
      size_(job.content.size),
      piece_length_(PieceLength(size_)),
      swarm_(swarm),
      queue_(queue),
      hand_over_(std::move(hand_over)) {}

void HolderStreams::Add(const BookHolder& holder, bool others_wait) {
  JoinFailed();
  if (PieceCount(size_) == 1) {
    return ReadRuns(*swarm_->Add(holder, 1), ++last_stream_,
                    others_wait ? kQueuePatience : absl::InfiniteDuration());
  }
  Swarm::Member* const member = swarm_->Add(holder, kStreamsPerHolder);
  Threads& running = running_.emplace_back(Threads{.member = member});
  if (holder.partial) running.threads.emplace_back([this, member] { FollowNews(*member); });
  for (int i = 0; i < kStreamsPerHolder; ++i) {
    running.threads.emplace_back([this, member, stream = ++last_stream_] {
      ReadRuns(*member, stream, absl::InfiniteDuration());
    });
  }
}

void HolderStreams::Join() {
  for (Threads& running : running_) {
    for (std::thread& thread : running.threads) thread.join();
  }
  running_.clear();
}

// A holder may fail and be added again many times in one fetch.
void HolderStreams::JoinFailed() {
  for (auto it = running_.begin(); it != running_.end();) {
    if (!swarm_->HasLeft(*it->member)) {
      ++it;
      continue;
    }
    for (std::thread& thread : it->threads) thread.join();
    it = running_.erase(it);
  }
}

void HolderStreams::ReadRuns(Swarm::Member& member, PiecePlan::StreamId stream,
                             absl::Duration queue_patience) {
  while (true) {
    std::optional<PiecePlan::Range> range;
    {
      IdleWatchdog::Watch watch(parts_.watchdog, kIdleLimit, [] {});
      range = swarm_->AwaitRun(member, stream, watch);
    }
    if (!range) break;
    const absl::Status status = ReadRun(member, stream, *range, queue_patience);
    const Swarm::RunStats stats = swarm_->EndRun(member, stream, *range, status);
    parts_.holders->NoteGoodput(member.holder.key, stats.bytes, stats.time);
  }
  swarm_->EndStream(member);
}

// One call: reads the range in order. Returns OK also when it was cut short because the rest is not
// wanted any more.
absl::Status HolderStreams::ReadRun(Swarm::Member& member, PiecePlan::StreamId stream,
                                    PiecePlan::Range range, absl::Duration queue_patience) {
  Run run{.member = member,
          .stream = stream,
          .at = range.first * piece_length_,
          .end = std::min(range.end * piece_length_, size_),
          .limit = parts_.limiter->rate(),
          .queue_until = parts_.clock->Monotonic() + queue_patience};
  grpc::ClientContext context;
  IdleWatchdog::Watch watch(parts_.watchdog, kIdleLimit, [&context] { context.TryCancel(); });
  if (!swarm_->BeginCall(&member, &context)) return absl::OkStatus();
  const std::shared_ptr<v1::FileService::Stub> stub =
      parts_.holders->Stub(member.holder.address, member.holder.key, run.limit);
  const auto reader = stub->Download(&context, RequestFor(run));

  v1::DownloadResponse message;
  bool open = true;
  while (run.at < run.end && run.wanted && run.failure.ok()) {
    open = reader->Read(&message);
    if (!open) break;
    ReadMessage(run, message, watch);
  }
  // After the last byte there is only the end to read.
  if (open && run.at == run.end) open = reader->Read(&message);
  if (open) context.TryCancel();
  const grpc::Status status = reader->Finish();
  swarm_->EndCall(&member, &context);

  if (!run.failure.ok()) return run.failure;
  if (run.at == run.end || !run.wanted) return absl::OkStatus();
  const std::string name = DescribeHolder(member.holder);
  if (watch.expired()) {
    return MakeError(Reason::kStreamStalled,
                     absl::StrCat(name, " sent nothing for ", absl::FormatDuration(kIdleLimit)));
  }
  if (!status.ok()) return FromGrpcStatus(status, name);
  return MakeError(Reason::kContentMismatch,
                   absl::StrCat(name, " ended the download before the end of the book"));
}

v1::DownloadRequest HolderStreams::RequestFor(const Run& run) const {
  v1::DownloadRequest request;
  *request.mutable_content() = ToProto(job_.content);
  request.set_read_offset(run.at);
  request.set_read_limit(run.end - run.at);
  if (job_.source == run.member.holder.key) request.set_listing_number(job_.source_listing);
  // Bytes are paid for once they are here, so a limit needs small chunks.
  if (run.limit > 0) {
    request.set_max_chunk_bytes(
        static_cast<uint32_t>(ChunkBytes(run.limit, swarm_->stream_count())));
  }
  return request;
}

// Each kind of message is allowed at one place only, and only what brings the book nearer counts as
// progress: otherwise a holder could hold up the fetch for ever.
void HolderStreams::ReadMessage(Run& run, v1::DownloadResponse& message,
                                IdleWatchdog::Watch& watch) {
  switch (message.message_case()) {
    case v1::DownloadResponse::kQueued:
      return ReadQueued(run, message.queued(), watch);
    case v1::DownloadResponse::kHeader:
      return ReadHeader(run, message.header(), watch);
    case v1::DownloadResponse::kChunk:
      return ReadChunk(run, *message.mutable_chunk(), watch);
    case v1::DownloadResponse::MESSAGE_NOT_SET:
      run.failure = BreaksContract(run.member.holder, "an empty message");
  }
}

void HolderStreams::ReadQueued(Run& run, const v1::DownloadResponse::Queued& queued,
                               IdleWatchdog::Watch& watch) {
  if (run.has_header) {
    run.failure = BreaksContract(run.member.holder, "a place in the queue after the header");
    return;
  }
  if (parts_.clock->Monotonic() > run.queue_until) {
    run.failure = MakeError(Reason::kQueueFull,
                            absl::StrCat(DescribeHolder(run.member.holder),
                                         " lets this peer wait; another holder is asked"));
    return;
  }
  watch.Progress();
  run.queued = true;
  run.wanted = Deliver(
      run.member, {.stream = run.stream, .holder = run.member.id, .place = QueuePlaceOf(queued)},
      watch);
}

void HolderStreams::ReadHeader(Run& run, const v1::DownloadResponse::Header& header,
                               IdleWatchdog::Watch& watch) {
  if (std::exchange(run.has_header, true)) {
    run.failure = BreaksContract(run.member.holder, "a second header");
    return;
  }
  const absl::StatusOr<ContentId> content = FromProto(header.content());
  if (!content.ok() || *content != job_.content || header.range_offset() != run.at ||
      header.range_length() != run.end - run.at) {
    run.failure = BreaksContract(run.member.holder, "the header of another range");
    return;
  }
  watch.Progress();
  swarm_->StartTiming(run.stream);
  swarm_->NoteAttributes(run.member, header);
  if (std::exchange(run.queued, false)) {
    run.wanted = Deliver(run.member, {.stream = run.stream, .holder = run.member.id}, watch);
  }
}

void HolderStreams::ReadChunk(Run& run, v1::DownloadResponse::Chunk& chunk,
                              IdleWatchdog::Watch& watch) {
  if (!run.has_header) {
    run.failure = BreaksContract(run.member.holder, "bytes before the header");
    return;
  }
  std::string& data = *chunk.mutable_data();
  const uint64_t bytes = data.size();
  if (chunk.offset() != run.at || bytes == 0 || bytes > kMaxChunkBytes ||
      bytes > run.end - run.at) {
    run.failure = MakeError(
        Reason::kContentMismatch,
        absl::StrCat(DescribeHolder(run.member.holder), " sent bytes that were not asked for"));
    return;
  }
  watch.Progress();
  Arrival arrival{.stream = run.stream, .holder = run.member.id, .offset = run.at};
  arrival.piece_hash = HashIfPiece(run.at, data);
  arrival.data = std::exchange(data, queue_->SpareBuffer());
  if (Deliver(run.member, std::move(arrival), watch)) {
    run.wanted = Pace(bytes, watch);
  } else {
    run.wanted = false;
    parts_.limiter->Take(bytes);  // what comes next waits for it
  }
  run.at += bytes;
  // Another limit needs another request: chunks of another size, perhaps on another connection.
  if (run.at % piece_length_ == 0 && parts_.limiter->rate() != run.limit) run.wanted = false;
}

std::optional<Sha256Digest> HolderStreams::HashIfPiece(uint64_t offset,
                                                       const std::string& data) const {
  const uint64_t piece = offset / piece_length_;
  if (offset % piece_length_ != 0 || data.size() != PieceBytes(size_, piece)) return std::nullopt;
  return PieceHash(size_, AsBytes(data));
}

bool HolderStreams::Deliver(Swarm::Member& member, Arrival arrival, IdleWatchdog::Watch& watch) {
  const PiecePlan::StreamId stream = arrival.stream;
  const size_t bytes = arrival.data.size();
  const uint64_t begin = arrival.offset;
  const uint64_t end = begin + bytes;
  if (!queue_->Reserve(member.id, bytes, [&watch] { watch.Progress(); })) return false;
  // Before the writer sees it: a piece must have arrived before it is verified or rejected.
  if (!swarm_->Received(member, stream, begin, end)) {
    queue_->Release(bytes);
    return false;
  }
  hand_over_(std::move(arrival));
  return bytes == 0 || swarm_->Wanted(stream, end);
}

bool HolderStreams::Pace(uint64_t bytes, IdleWatchdog::Watch& watch) {
  return parts_.limiter->Pay(bytes, [&] {
    watch.Progress();
    return !swarm_->ended();
  });
}

// Until the holder has the whole book. A call without news is no failure: the holder may receive
// nothing now. Keepalive ends the call of a dead holder.
void HolderStreams::FollowNews(Swarm::Member& member) {
  grpc::ClientContext context;
  v1::WatchPiecesRequest request;
  *request.mutable_content() = ToProto(job_.content);
  if (!swarm_->BeginCall(&member, &context)) return;
  const auto reader = parts_.holders->Stub(member.holder.address, member.holder.key)
                          ->WatchPieces(&context, request);
  v1::WatchPiecesResponse news;
  bool whole = false;
  bool good = true;
  for (bool first = true; good && !whole && reader->Read(&news); first = false) {
    whole = news.whole();
    const int fresh = swarm_->AddPieces(member, news.pieces(), whole);
    // Every message brings something new, so there are no more of them than pieces.
    good = fresh == news.pieces_size() && (fresh > 0 || whole || first);
  }
  if (whole || !good) context.TryCancel();
  const grpc::Status status = reader->Finish();
  swarm_->EndCall(&member, &context);
  const std::string name = DescribeHolder(member.holder);
  if (!good) {
    swarm_->Fail(member, MakeError(Reason::kAnswerInvalid,
                                   absl::StrCat(name,
                                                " breaks the contract of WatchPieces: a piece "
                                                "that is no news or not of the book")));
    return;
  }
  if (whole) return;
  swarm_->Fail(member, status.ok()
                           ? MakeError(Reason::kPieceNotHere,
                                       absl::StrCat(name, " does not say which pieces it has"))
                           : FromGrpcStatus(status, name));
}

}  // namespace arkshare
