#include "services/peer/fetch/piece_writer.h"

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"
#include "services/peer/disk/file_io.h"

namespace arkshare {
namespace {

constexpr size_t kReadBytes = 1024 * 1024;

absl::Status WriteError(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    return MakeError(Reason::kDiskFull, "the disk of this peer is full; make room and try again");
  }
  return MakeError(Reason::kInternal, absl::StrCat("cannot write the book: ", status.message()));
}

}  // namespace

PieceWriter::PieceWriter(const ContentId& content, int fd)
    : size_(content.size),
      piece_length_(PieceLength(size_)),
      piece_count_(PieceCount(size_)),
      fd_(fd),
      verified_(piece_count_) {
  if (piece_count_ == 1) manifest_ = {content.root};
}

// Chunks are the holder's choice and pieces are not: splits the data where pieces end.
absl::Status PieceWriter::Accept(const Arrival& arrival, OnPiece on_piece) {
  absl::Span<const uint8_t> rest = AsBytes(arrival.data);
  for (uint64_t at = arrival.offset; !rest.empty();) {
    const uint64_t piece = at / piece_length_;
    const uint64_t in_piece = at % piece_length_;
    const uint64_t whole = PieceBytes(size_, piece);
    const absl::Span<const uint8_t> part = rest.subspan(0, whole - in_piece);
    rest.remove_prefix(part.size());
    at += part.size();
    if (verified_[piece]) continue;
    if (liars_.contains(arrival.holder)) {
      if (in_piece + part.size() == whole) on_piece(piece, Verdict::kDropped);
      continue;
    }
    absl::Status accepted = part.size() == whole
                                ? AcceptPiece(arrival, piece, part, on_piece)
                                : AcceptChunk(arrival, piece, in_piece, part, on_piece);
    if (!accepted.ok()) return accepted;
  }
  return absl::OkStatus();
}

absl::Status PieceWriter::AcceptPiece(const Arrival& arrival, uint64_t piece,
                                      absl::Span<const uint8_t> data, OnPiece on_piece) {
  const Sha256Digest hash = arrival.piece_hash ? *arrival.piece_hash : PieceHash(size_, data);
  if (hash != manifest_[piece]) {
    liars_.insert(arrival.holder);
    on_piece(piece, Verdict::kWrong);
    return absl::OkStatus();
  }
  if (absl::Status s = Write(piece * piece_length_, data); !s.ok()) return s;
  CountVerified(piece);
  on_piece(piece, Verdict::kVerified);
  return absl::OkStatus();
}

// There is no room in memory for pieces in parts.
absl::Status PieceWriter::AcceptChunk(const Arrival& arrival, uint64_t piece, uint64_t in_piece,
                                      absl::Span<const uint8_t> data, OnPiece on_piece) {
  if (in_piece == 0) BeginAssembly(arrival.stream, piece);
  auto [it, is_new] =
      assemblies_.try_emplace(arrival.stream, Assembly{.hasher = PieceHasher(size_)});
  Assembly& assembly = it->second;
  assembly.hasher.Update(data);
  if (absl::Status s = Write(piece * piece_length_ + in_piece, data); !s.ok()) return s;
  assembly.bytes += data.size();
  if (assembly.bytes < PieceBytes(size_, piece)) return absl::OkStatus();

  const bool good = assembly.hasher.Finish() == manifest_[piece];
  const bool contested = assembly.contested;
  assemblies_.erase(it);
  if (!good) {
    liars_.insert(arrival.holder);
    on_piece(piece, Verdict::kWrong);
  } else if (contested && !IsGoodInFile(piece)) {
    // It was right as it came, but another stream has written over it.
    on_piece(piece, Verdict::kDropped);
  } else {
    CountVerified(piece);
    on_piece(piece, Verdict::kVerified);
  }
  return absl::OkStatus();
}

void PieceWriter::BeginAssembly(PiecePlan::StreamId stream, uint64_t piece) {
  const auto [it, is_new] =
      assemblies_.insert_or_assign(stream, Assembly{.piece = piece, .hasher = PieceHasher(size_)});
  for (auto& [other_stream, other] : assemblies_) {
    if (other_stream == stream || other.piece != piece || other.bytes == 0) continue;
    it->second.contested = other.contested = true;
  }
}

void PieceWriter::CountVerified(uint64_t piece) {
  verified_[piece] = true;
  verified_bytes_ += PieceBytes(size_, piece);
}

bool PieceWriter::IsGoodInFile(uint64_t piece) const {
  PieceHasher hasher(size_);
  std::vector<uint8_t> buffer(kReadBytes);
  const uint64_t whole = PieceBytes(size_, piece);
  for (uint64_t at = 0; at < whole;) {
    const size_t n = std::min<uint64_t>(buffer.size(), whole - at);
    if (!ReadFully(fd_, piece * piece_length_ + at, buffer.data(), n).ok()) return false;
    hasher.Update(absl::MakeConstSpan(buffer).subspan(0, n));
    at += n;
  }
  return hasher.Finish() == manifest_[piece];
}

absl::Status PieceWriter::Write(uint64_t offset, absl::Span<const uint8_t> data) const {
  absl::Status written = WriteFully(fd_, offset, data.data(), data.size());
  return written.ok() ? written : WriteError(written);
}

bool PieceWriter::FileIsEmpty() const { return lseek(fd_, 0, SEEK_DATA) < 0; }

// Skips the holes of the file.
void PieceWriter::KeepVerified(absl::FunctionRef<void(uint64_t piece)> on_verified) {
  for (uint64_t piece = 0; piece < piece_count_; ++piece) {
    const uint64_t begin = piece * piece_length_;
    const off_t data = lseek(fd_, static_cast<off_t>(begin), SEEK_DATA);
    if (data < 0) break;  // nothing but a hole up to the end
    piece = std::max(piece, static_cast<uint64_t>(data) / piece_length_);
    if (piece >= piece_count_) break;  // bytes behind the end of the book
    if (!IsGoodInFile(piece)) continue;
    CountVerified(piece);
    on_verified(piece);
  }
}

}  // namespace arkshare
