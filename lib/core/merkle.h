// The SHA-256 Merkle tree of BitTorrent v2 (BEP 52): roots, pieces, and their verification.
//
// Leaves are SHA-256 of blocks of 16 KiB (the last one possibly short); missing leaves are 32 zero
// bytes. A book of one piece has the tree over its own blocks, padded to a power of two; in a book
// of several pieces every piece is padded to the piece length, and missing pieces are roots of zero
// leaves.
#ifndef ARKSHARE_LIB_CORE_MERKLE_H_
#define ARKSHARE_LIB_CORE_MERKLE_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/core/content_id.h"

namespace arkshare {

inline constexpr uint64_t kBlockBytes = 16 * 1024;
inline constexpr uint64_t kMinPieceBytes = 1024 * 1024;
inline constexpr uint64_t kMaxPieces = 65'536;

// SHA-256 of `data`.
Sha256Digest Sha256(absl::Span<const uint8_t> data);

// The larger of 1 MiB and the smallest power of two that cuts `size` bytes into at most 65,536
// pieces.
uint64_t PieceLength(uint64_t size);
// How many pieces a book of `size` bytes has; 0 for an empty book.
uint64_t PieceCount(uint64_t size);
// Bytes of piece `index` (0-based): the piece length, or the rest for the last one.
uint64_t PieceBytes(uint64_t size, uint64_t index);

// Hash of one whole piece of a book of `book_size` bytes. `piece` holds exactly its bytes.
Sha256Digest PieceHash(uint64_t book_size, absl::Span<const uint8_t> piece);

// The same for a piece whose bytes come in parts, in order. Nothing of them is kept but the
// beginning of a block. Not thread-safe.
class PieceHasher {
 public:
  explicit PieceHasher(uint64_t book_size);
  ~PieceHasher();
  PieceHasher(PieceHasher&&) noexcept;
  PieceHasher& operator=(PieceHasher&&) noexcept;

  void Update(absl::Span<const uint8_t> data);
  // Of everything since the last Finish.
  Sha256Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The root over a book's piece hashes, which must be PieceCount(size) many.
Sha256Digest RootOfPieces(uint64_t size, absl::Span<const Sha256Digest> pieces);

// OK when `pieces` are the piece hashes of `id`; DataLoss otherwise. Call before believing a
// manifest.
absl::Status VerifyManifest(const ContentId& id, absl::Span<const Sha256Digest> pieces);

// Hashes a book that is read from its beginning. Not thread-safe.
class BookHasher {
 public:
  struct Result {
    ContentId id;
    std::vector<Sha256Digest> pieces;
  };

  // `size` is the expected length in bytes: it decides the piece length.
  explicit BookHasher(uint64_t size);
  ~BookHasher();
  BookHasher(BookHasher&&) noexcept;
  BookHasher& operator=(BookHasher&&) noexcept;

  // Any number of bytes at a time; no more than `size` in all.
  void Update(absl::Span<const uint8_t> data);
  // FailedPrecondition unless exactly `size` bytes were given.
  absl::StatusOr<Result> Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_MERKLE_H_
