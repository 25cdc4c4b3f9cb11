// Verifies what arrives of one book and writes it to the book's file.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_PIECE_WRITER_H_
#define ARKSHARE_SERVICES_PEER_FETCH_PIECE_WRITER_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/types/span.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "lib/core/content_id.h"
#include "lib/core/merkle.h"
#include "services/peer/fetch/arrival_queue.h"
#include "services/peer/fetch/piece_plan.h"

namespace arkshare {

// A whole piece is verified in memory and written only when it is right. A piece that comes in
// several chunks is written as it comes and counts once all of it is right.
//
// Not thread-safe, and holds no lock: one thread at a time uses it.
class PieceWriter {
 public:
  enum class Verdict {
    kVerified,
    kWrong,    // not the book's; the holder's later arrivals are not looked at
    kDropped,  // lost, without fault of the holder or after its fault: to be fetched again
  };
  using OnPiece = absl::FunctionRef<void(uint64_t piece, Verdict verdict)>;

  // `fd` is open for reading and writing, and must stay so. The book is not empty.
  PieceWriter(const ContentId& content, int fd);

  // The hashes of the pieces, proven by the root; the only piece of a book is proven already.
  void SetManifest(std::vector<Sha256Digest> pieces) { manifest_ = std::move(pieces); }
  bool has_manifest() const { return !manifest_.empty(); }
  const std::vector<Sha256Digest>& manifest() const { return manifest_; }

  // Whether the file holds no data at all.
  bool FileIsEmpty() const;
  // Counts the pieces that are whole in the file, from a fetch that was interrupted, and calls
  // `on_verified` for each. Requires the manifest.
  void KeepVerified(absl::FunctionRef<void(uint64_t piece)> on_verified);

  // Calls `on_piece` for each piece that this arrival completes, in order. Requires the manifest.
  // Errors, for the user: kDiskFull, kInternal.
  absl::Status Accept(const Arrival& arrival, OnPiece on_piece);

  uint64_t verified_bytes() const { return verified_bytes_; }

 private:
  // A piece that comes in several chunks.
  struct Assembly {
    uint64_t piece = 0;
    uint64_t bytes = 0;
    PieceHasher hasher;
    bool contested = false;  // another stream wrote chunks of it too
  };

  absl::Status AcceptPiece(const Arrival& arrival, uint64_t piece, absl::Span<const uint8_t> data,
                           OnPiece on_piece);
  absl::Status AcceptChunk(const Arrival& arrival, uint64_t piece, uint64_t in_piece,
                           absl::Span<const uint8_t> data, OnPiece on_piece);
  void BeginAssembly(PiecePlan::StreamId stream, uint64_t piece);
  void CountVerified(uint64_t piece);
  bool IsGoodInFile(uint64_t piece) const;
  absl::Status Write(uint64_t offset, absl::Span<const uint8_t> data) const;

  const uint64_t size_;
  const uint64_t piece_length_;
  const uint64_t piece_count_;
  const int fd_;
  std::vector<Sha256Digest> manifest_;
  std::vector<bool> verified_;  // by piece
  uint64_t verified_bytes_ = 0;
  std::set<PiecePlan::HolderId> liars_;  // have sent a wrong piece
  std::map<PiecePlan::StreamId, Assembly> assemblies_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_PIECE_WRITER_H_
