#include "services/peer/fetcher.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>

#include "lib/core/errors.h"
#include "lib/core/merkle.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "services/peer/shared_folder.h"

namespace arkshare {
namespace {

constexpr absl::Duration kPingTimeout = absl::Seconds(2);
constexpr absl::Duration kManifestTimeout = absl::Seconds(60);  // its holder may have to hash again
constexpr absl::Duration kIdleLimit = absl::Seconds(5);
// Rounds in a row over all holders in which not one piece came, before giving up.
constexpr int kFruitlessRounds = 2;

std::string Who(const BookHolder& holder) {
  return absl::StrCat("peer ", holder.peer_id, " at ", holder.address);
}

absl::Status Stopped() { return absl::CancelledError("the peer is stopping"); }

}  // namespace

struct Fetcher::Work {
  const Job& job;
  std::vector<Sha256Digest> pieces;  // empty until a manifest was believed
  uint64_t next_piece = 0;           // all before it are verified and written

  bool have_manifest() const { return pieces.size() == PieceCount(job.content.size); }
  bool done() const { return have_manifest() && next_piece == pieces.size(); }
  uint64_t offset() const {
    return std::min(next_piece * PieceLength(job.content.size), job.content.size);
  }
};

void Fetcher::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  for (grpc::ClientContext* context : running_) context->TryCancel();
  stop_changed_.NotifyAll();
}

bool Fetcher::stopped() const {
  MutexLock lock(&mutex_);
  return stopped_;
}

bool Fetcher::Enter(grpc::ClientContext* context) {
  MutexLock lock(&mutex_);
  if (stopped_) return false;
  running_.insert(context);
  return true;
}

void Fetcher::Leave(grpc::ClientContext* context) {
  MutexLock lock(&mutex_);
  running_.erase(context);
}

bool Fetcher::Pace(uint64_t bytes, IdleWatchdog::Watch& watch) {
  absl::Duration wait = limiter_->Take(bytes);
  while (wait > absl::ZeroDuration()) {
    if (stopped()) return false;
    const absl::Duration nap = std::min(wait, absl::Milliseconds(100));
    absl::SleepFor(nap);
    wait -= nap;
    watch.Progress();
  }
  return true;
}

// The receiver's story of one download: ask who is there, believe a manifest only when its root is
// right, take piece after piece from the nearest holder, and turn to the next one when it fails.
absl::StatusOr<std::vector<Sha256Digest>> Fetcher::Fetch(const Job& job) {
  Work work{job, {}, 0};
  if (PieceCount(job.content.size) == 1) work.pieces = {job.content.root};
  if (job.content.size == 0) {
    if (Sha256({}) != job.content.root) {
      return MakeError(Reason::kContentMismatch, "the root is not that of an empty book");
    }
    return work.pieces;
  }
  std::set<PublicKey> liars;
  absl::Status last = absl::OkStatus();
  for (int fruitless = 0; fruitless < kFruitlessRounds;) {
    if (stopped()) return Stopped();
    absl::StatusOr<std::vector<BookHolder>> holders = job.find_holders();
    if (!holders.ok()) {
      // The index is gone; without it nobody new can be found.
      return last.ok() ? holders.status() : last;
    }
    std::erase_if(*holders, [&](const BookHolder& h) { return liars.contains(h.key); });
    const uint64_t before = work.next_piece;
    absl::Duration wait = absl::ZeroDuration();
    for (const BookHolder& holder : holders_->Reachable(*std::move(holders), kPingTimeout)) {
      absl::Status status = work.have_manifest() ? absl::OkStatus() : FetchManifest(holder, work);
      if (status.ok()) status = FetchRun(holder, work);
      if (work.done()) return std::move(work.pieces);
      if (stopped()) return Stopped();
      last = status;
      const Reason reason = GetReason(status);
      spdlog::info("holder_failed peer={} address={} piece={} reason={} message=\"{}\"",
                   holder.peer_id, holder.address, work.next_piece, std::string(ReasonName(reason)),
                   std::string(status.message()));
      if (reason == Reason::kDiskFull) return status;
      if (reason == Reason::kBookMoved && job.source && *job.source == holder.key) return status;
      if (reason == Reason::kContentMismatch) liars.insert(holder.key);
      if (reason == Reason::kQueueFull || reason == Reason::kBookUnsettled) {
        wait = GetRetryAfter(status).value_or(absl::Seconds(1));
      }
    }
    if (work.next_piece > before) {
      fruitless = 0;
    } else if (wait == absl::ZeroDuration()) {
      ++fruitless;
    }
    MutexLock lock(&mutex_);
    if (!stopped_ && wait > absl::ZeroDuration()) stop_changed_.WaitFor(&mutex_, wait);
  }
  if (last.ok()) {
    return MakeError(Reason::kNoHolderReachable,
                     "none of the peers that have the book can be reached now; try again later");
  }
  return last;
}

absl::Status Fetcher::FetchManifest(const BookHolder& holder, Work& work) {
  grpc::ClientContext context;
  SetTimeout(context, kManifestTimeout);
  v1::GetManifestRequest request;
  *request.mutable_content() = ToProto(work.job.content);
  v1::GetManifestResponse response;
  if (!Enter(&context)) return Stopped();
  const grpc::Status status =
      holders_->Stub(holder.address)->GetManifest(&context, request, &response);
  Leave(&context);
  if (!status.ok()) return FromGrpcStatus(status, Who(holder));
  std::vector<Sha256Digest> pieces(response.piece_hashes().size() / sizeof(Sha256Digest));
  if (!pieces.empty()) {
    std::memcpy(pieces.data(), response.piece_hashes().data(),
                pieces.size() * sizeof(Sha256Digest));
  }
  if (absl::Status s = VerifyManifest(work.job.content, pieces);
      !s.ok() || response.piece_hashes().size() % sizeof(Sha256Digest) != 0) {
    return MakeError(Reason::kContentMismatch,
                     absl::StrCat(Who(holder), " sent a list of pieces that is not the book's"));
  }
  work.pieces = std::move(pieces);
  return absl::OkStatus();
}

// Downloads from the first missing piece to the end; keeps what was verified when it fails.
absl::Status Fetcher::FetchRun(const BookHolder& holder, Work& work) {
  const ContentId& content = work.job.content;
  grpc::ClientContext context;
  IdleWatchdog::Watch watch(watchdog_, kIdleLimit, [&context] { context.TryCancel(); });
  v1::DownloadRequest request;
  *request.mutable_content() = ToProto(content);
  request.set_read_offset(work.offset());
  if (!Enter(&context)) return Stopped();
  std::shared_ptr<v1::FileService::Stub> stub = holders_->Stub(holder.address);
  auto reader = stub->Download(&context, request);

  absl::Status failure = absl::OkStatus();
  std::vector<uint8_t> piece;
  uint64_t received = work.offset();
  v1::DownloadResponse message;
  while (failure.ok() && reader->Read(&message)) {
    watch.Progress();
    if (message.has_queued()) {
      work.job.on_progress(work.offset(), static_cast<int>(message.queued().position()));
      continue;
    }
    if (!message.has_chunk()) {
      work.job.on_progress(work.offset(), std::nullopt);
      continue;
    }
    const std::string& data = message.chunk().data();
    if (message.chunk().offset() != received || data.empty() ||
        data.size() > content.size - received) {
      failure = MakeError(Reason::kContentMismatch,
                          absl::StrCat(Who(holder), " sent bytes that were not asked for"));
      break;
    }
    received += data.size();
    for (size_t at = 0; at < data.size() && failure.ok();) {
      const uint64_t want = PieceBytes(content.size, work.next_piece);
      const size_t n = std::min<size_t>(want - piece.size(), data.size() - at);
      const auto* begin = reinterpret_cast<const uint8_t*>(data.data()) + at;
      piece.insert(piece.end(), begin, begin + n);
      at += n;
      if (piece.size() < want) continue;
      if (PieceHash(content.size, piece) != work.pieces[work.next_piece]) {
        failure = MakeError(Reason::kContentMismatch,
                            absl::StrCat(Who(holder), " sent a piece that is not the book's"));
        spdlog::warn("bad_piece peer={} address={} piece={}", holder.peer_id, holder.address,
                     work.next_piece);
      } else if (absl::Status s =
                     WriteFully(work.job.fd, work.offset(), piece.data(), piece.size());
                 !s.ok()) {
        failure = absl::IsResourceExhausted(s)
                      ? MakeError(Reason::kDiskFull,
                                  "the disk of this peer is full; make room and try again")
                      : MakeError(Reason::kInternal,
                                  absl::StrCat("cannot write the book: ", s.message()));
      } else {
        ++work.next_piece;
        work.job.on_progress(work.offset(), std::nullopt);
      }
      piece.clear();
    }
    if (failure.ok() && !Pace(data.size(), watch)) failure = Stopped();
  }
  if (!failure.ok()) context.TryCancel();
  const grpc::Status status = reader->Finish();
  Leave(&context);
  if (!failure.ok() || work.done()) return failure;
  if (watch.expired()) {
    return MakeError(Reason::kStreamStalled, absl::StrCat(Who(holder), " sent nothing for ",
                                                          absl::FormatDuration(kIdleLimit)));
  }
  if (!status.ok()) return FromGrpcStatus(status, Who(holder));
  return MakeError(Reason::kContentMismatch,
                   absl::StrCat(Who(holder), " ended the download before the end of the book"));
}

}  // namespace arkshare
