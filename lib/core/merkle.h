// The SHA-256 Merkle tree of BitTorrent v2 (BEP 52): roots, pieces, and their verification.
//
// A leaf is the SHA-256 of a block of 16 KiB; the last block can be short. A missing leaf is 32
// zero bytes. The tree of a book of one piece is over its blocks, padded to a power of two. In a
// book of several pieces, every piece is padded to the piece length, and a missing piece is the
// root of zero leaves.
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

// Returns the SHA-256 of `data`.
Sha256Digest Sha256(absl::Span<const uint8_t> data);

// Returns the piece length in bytes of a book of `size` bytes: the larger of 1 MiB and the smallest
// power of two that gives at most 65,536 pieces.
uint64_t PieceLength(uint64_t size);
// Returns the number of pieces of a book of `size` bytes; 0 for an empty book.
uint64_t PieceCount(uint64_t size);
// Returns the number of bytes of piece `index` (0-based): the piece length, or less for the last
// piece.
uint64_t PieceBytes(uint64_t size, uint64_t index);

// Returns the hash of one whole piece of a book of `book_size` bytes. `piece` is exactly its bytes.
Sha256Digest PieceHash(uint64_t book_size, absl::Span<const uint8_t> piece);

// Computes the same hash from parts of a piece, given in order. Keeps at most one block of the
// bytes. Not thread-safe.
class PieceHasher {
 public:
  explicit PieceHasher(uint64_t book_size);
  ~PieceHasher();
  PieceHasher(PieceHasher&&) noexcept;
  PieceHasher& operator=(PieceHasher&&) noexcept;

  void Update(absl::Span<const uint8_t> data);
  // Returns the hash of all bytes since the last Finish.
  Sha256Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Returns the root of a book from its piece hashes. Requires PieceCount(size) hashes.
Sha256Digest RootOfPieces(uint64_t size, absl::Span<const Sha256Digest> pieces);

// Checks that `pieces` are the piece hashes of `id`; DataLoss otherwise. Call before using a
// manifest.
absl::Status VerifyManifest(const ContentId& id, absl::Span<const Sha256Digest> pieces);

// Hashes a book from its beginning. Not thread-safe.
class BookHasher {
 public:
  struct Result {
    ContentId id;
    std::vector<Sha256Digest> pieces;
  };

  // `size` is the expected length in bytes, which decides the piece length.
  explicit BookHasher(uint64_t size);
  ~BookHasher();
  BookHasher(BookHasher&&) noexcept;
  BookHasher& operator=(BookHasher&&) noexcept;

  // Adds the next bytes of the book, any number at a time. Ignores bytes beyond `size`.
  void Update(absl::Span<const uint8_t> data);
  // FailedPrecondition unless exactly `size` bytes were given.
  absl::StatusOr<Result> Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_MERKLE_H_
