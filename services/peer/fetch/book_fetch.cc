// The caller's thread of a fetch: what arrives is hashed, written and counted here.
#include "services/peer/fetch/book_fetch.h"

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <utility>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "services/peer/disk/file_io.h"
#include "services/peer/disk/partial_books.h"

namespace arkshare {
namespace {

constexpr size_t kSpareBuffers = 8;
constexpr size_t kReadBytes = 1024 * 1024;

absl::Status WriteError(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    return MakeError(Reason::kDiskFull, "the disk of this peer is full; make room and try again");
  }
  return MakeError(Reason::kInternal, absl::StrCat("cannot write the book: ", status.message()));
}

}  // namespace

BookFetch::BookFetch(const Fetcher::Parts& parts, const Fetcher::Job& job)
    : parts_(parts),
      job_(job),
      size_(job.content.size),
      piece_length_(PieceLength(size_)),
      piece_count_(PieceCount(size_)),
      plan_(piece_count_, piece_length_, /*seed=*/std::random_device()()) {
  if (alone()) pieces_ = {job.content.root};
  if (job.offer != nullptr) plan_.BeginAt(std::random_device()() % piece_count_);
}

// The receiver's story of one download. The scout finds holders, streams bring pieces from each of
// them, and here each piece is verified before it counts, until all of them do.
absl::StatusOr<std::vector<Sha256Digest>> BookFetch::Run() {
  if (alone()) {
    Scout();
  } else {
    std::thread scout([this] { Scout(); });
    TakeArrivals();
    scout.join();  // no source is added any more
  }
  std::list<Source> sources;
  absl::Status end;
  {
    MutexLock lock(&mutex_);
    sources.swap(sources_);
    end = *end_;
  }
  for (Source& source : sources) {
    for (std::thread& stream : source.threads) stream.join();
  }
  if (!end.ok()) return end;
  return std::move(pieces_);
}

void BookFetch::Stop() {
  MutexLock lock(&mutex_);
  EndWith(absl::CancelledError("the peer is stopping"));
}

void BookFetch::EndWith(const absl::Status& status) {
  if (end_.has_value()) return;
  end_ = status;
  // Alone, a book that is whole lets its stream end by itself.
  if (!alone() || !status.ok()) {
    for (grpc::ClientContext* call : calls_) call->TryCancel();
  }
  arrived_.NotifyAll();
  room_.NotifyAll();
  news_.NotifyAll();
  WakeIdle();
}

void BookFetch::TakeArrivals() {
  while (true) {
    Arrival arrival;
    {
      MutexLock lock(&mutex_);
      while ((arrivals_.empty() || !has_manifest_) && !end_.has_value()) arrived_.Wait(&mutex_);
      if (end_.has_value()) return;
      arrival = std::move(arrivals_.front());
      arrivals_.pop_front();
    }
    const absl::Status accepted = Accept(arrival);
    MutexLock lock(&mutex_);
    if (!accepted.ok()) EndWith(accepted);
    waiting_bytes_ -= arrival.data.size();
    if (!arrival.data.empty() && spare_.size() < kSpareBuffers) {
      spare_.push_back(std::move(arrival.data));
    }
    room_.NotifyAll();
  }
}

// Chunks are the holder's choice, pieces are not: takes a chunk apart at the borders of pieces.
absl::Status BookFetch::Accept(const Arrival& arrival) {
  if (arrival.data.empty()) job_.on_progress(verified_bytes_, arrival.place);
  absl::Span<const uint8_t> rest = AsBytes(arrival.data);
  for (uint64_t at = arrival.offset; !rest.empty();) {
    const uint64_t piece = at / piece_length_;
    const uint64_t in_piece = at % piece_length_;
    const absl::Span<const uint8_t> part = rest.subspan(0, PieceBytes(size_, piece) - in_piece);
    if (absl::Status s = AcceptPart(arrival, piece, in_piece, part); !s.ok()) return s;
    rest.remove_prefix(part.size());
    at += part.size();
  }
  return absl::OkStatus();
}

absl::Status BookFetch::AcceptPart(const Arrival& arrival, uint64_t piece, uint64_t in_piece,
                                   absl::Span<const uint8_t> data) {
  const uint64_t whole = PieceBytes(size_, piece);
  {
    MutexLock lock(&mutex_);
    if (plan_.verified(piece)) return absl::OkStatus();
    if (arrival.source->lied) {
      if (in_piece + data.size() == whole) plan_.Rejected(piece);
      WakeIdle();
      return absl::OkStatus();
    }
  }
  if (data.size() == whole) {
    const Sha256Digest hash = arrival.piece_hash ? *arrival.piece_hash : PieceHash(size_, data);
    const bool good = hash == pieces_[piece];
    if (good) {
      if (absl::Status s = Write(piece * piece_length_, data); !s.ok()) return s;
    }
    Judge(arrival, piece, good);
    return absl::OkStatus();
  }

  // In parts, for which there is no room in memory: they are written as they come, and count once
  // the whole is right.
  auto [it, is_new] =
      assemblies_.try_emplace(arrival.stream, Assembly{.hasher = PieceHasher(size_)});
  Assembly& assembly = it->second;
  if (in_piece == 0) {
    assembly = Assembly{.piece = piece, .hasher = PieceHasher(size_)};
    for (auto& [stream, other] : assemblies_) {
      if (stream == arrival.stream || other.piece != piece || other.bytes == 0) continue;
      assembly.contested = other.contested = true;
    }
  }
  assembly.hasher.Update(data);
  if (absl::Status s = Write(piece * piece_length_ + in_piece, data); !s.ok()) return s;
  assembly.bytes += data.size();
  if (assembly.bytes < whole) return absl::OkStatus();
  const bool good = assembly.hasher.Finish() == pieces_[piece];
  const bool contested = assembly.contested;
  assemblies_.erase(it);
  if (good && contested && !IsGoodOnDisk(piece)) {
    // It was right as it came, but another stream has written over it.
    MutexLock lock(&mutex_);
    plan_.Rejected(piece);
    WakeIdle();
    return absl::OkStatus();
  }
  Judge(arrival, piece, good);
  return absl::OkStatus();
}

void BookFetch::Judge(const Arrival& arrival, uint64_t piece, bool good) {
  if (good) {
    verified_bytes_ += PieceBytes(size_, piece);
    if (job_.on_piece) job_.on_piece(arrival.source->holder.peer_id, PieceBytes(size_, piece));
    job_.on_progress(verified_bytes_, std::nullopt);
    if (job_.offer != nullptr) job_.offer->Add(piece);
    MutexLock lock(&mutex_);
    plan_.Verified(piece);
    if (plan_.done()) EndWith(absl::OkStatus());
    return;
  }
  const BookHolder& holder = arrival.source->holder;
  LogWarning("bad_piece",
             {{"peer", holder.peer_id}, {"address", holder.address}, {"piece", piece}});
  MutexLock lock(&mutex_);
  plan_.Rejected(piece);
  arrival.source->lied = true;
  Fail(*arrival.source, MakeError(Reason::kContentMismatch,
                                  absl::StrCat("peer ", holder.peer_id, " at ", holder.address,
                                               " sent a piece that is not the book's")));
}

bool BookFetch::IsGoodOnDisk(uint64_t piece) const {
  PieceHasher hasher(size_);
  std::vector<uint8_t> buffer(kReadBytes);
  const uint64_t whole = PieceBytes(size_, piece);
  for (uint64_t at = 0; at < whole;) {
    const size_t n = std::min<uint64_t>(buffer.size(), whole - at);
    if (!ReadFully(job_.fd, piece * piece_length_ + at, buffer.data(), n).ok()) return false;
    hasher.Update(absl::MakeConstSpan(buffer).subspan(0, n));
    at += n;
  }
  return hasher.Finish() == pieces_[piece];
}

absl::Status BookFetch::Write(uint64_t offset, absl::Span<const uint8_t> data) const {
  absl::Status written = WriteFully(job_.fd, offset, data.data(), data.size());
  return written.ok() ? written : WriteError(written);
}

// After an interruption: the pieces that are whole on the disk need not come again. Holes are not
// read.
bool BookFetch::NothingIsThere() const { return lseek(job_.fd, 0, SEEK_DATA) < 0; }

void BookFetch::KeepWhatIsThere() {
  for (uint64_t piece = 0; piece < piece_count_; ++piece) {
    const uint64_t begin = piece * piece_length_;
    const off_t data = lseek(job_.fd, static_cast<off_t>(begin), SEEK_DATA);
    if (data < 0) break;  // nothing but a hole up to the end
    piece = std::max(piece, static_cast<uint64_t>(data) / piece_length_);
    if (!IsGoodOnDisk(piece)) continue;
    verified_bytes_ += PieceBytes(size_, piece);
    if (job_.offer != nullptr) job_.offer->Add(piece);
    MutexLock lock(&mutex_);
    plan_.Verified(piece);
  }
}

}  // namespace arkshare
