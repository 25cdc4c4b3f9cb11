#include "lib/core/merkle.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <bit>

#include "lib/core/errors.h"
#include "lib/core/hasher.h"

namespace arkshare {
namespace {

// Enough for 2^64 leaves.
constexpr size_t kMaxHeight = 64;

// The roots of trees of zero leaves: [h] is over 2^h leaves.
const std::array<Sha256Digest, kMaxHeight>& ZeroRoots() {
  static const auto roots = [] {
    std::array<Sha256Digest, kMaxHeight> all{};
    for (size_t h = 1; h < kMaxHeight; ++h) {
      all[h] = Hasher::ForThisThread().HashPair(all[h - 1], all[h - 1]);
    }
    return all;
  }();
  return roots;
}

uint64_t DivideUp(uint64_t value, uint64_t by) { return value / by + (value % by != 0); }

// Returns the height of the smallest tree with `leaves` leaves, 1 or more.
size_t HeightFor(uint64_t leaves) { return static_cast<size_t>(std::bit_width(leaves - 1)); }

// Returns the height of the tree over the blocks of one piece.
size_t PieceHeight(uint64_t book_size) {
  const uint64_t length = std::min(PieceLength(book_size), std::max<uint64_t>(book_size, 1));
  return HeightFor(DivideUp(length, kBlockBytes));
}

// Builds a tree from its leaves, one by one. Its memory grows with the height only.
class TreeBuilder {
 public:
  // The leaves are roots of trees of `leaf_height`; missing leaves are roots of zero leaves.
  explicit TreeBuilder(size_t leaf_height = 0) : leaf_height_(leaf_height) {}

  void Add(Sha256Digest node) {
    // Works like a binary counter: two nodes of equal height become one node above them.
    size_t level = 0;
    for (; (count_ >> level) & 1; ++level) {
      node = Hasher::ForThisThread().HashPair(waiting_[level], node);
    }
    waiting_[level] = node;
    ++count_;
  }

  // Returns the root of the tree of `height`, padded, and empties the builder. Requires: at most
  // 2^height leaves were added.
  Sha256Digest Finish(size_t height) {
    if (count_ == uint64_t{1} << height) {
      count_ = 0;
      return waiting_[height];
    }
    Sha256Digest node = ZeroRoots()[leaf_height_];
    for (size_t level = 0; level < height; ++level) {
      node = (count_ >> level) & 1
                 ? Hasher::ForThisThread().HashPair(waiting_[level], node)
                 : Hasher::ForThisThread().HashPair(node, ZeroRoots()[leaf_height_ + level]);
    }
    count_ = 0;
    return node;
  }

 private:
  size_t leaf_height_;
  uint64_t count_ = 0;
  // [h] is the root of 2^h leaves that waits for its right sibling; valid when bit h of count_ is
  // set.
  std::array<Sha256Digest, kMaxHeight> waiting_;
};

// Adds the leaves of `data`. All blocks are whole, except the last one of the book.
void AddBlocks(TreeBuilder& tree, absl::Span<const uint8_t> data) {
  std::array<Sha256Digest, kHashBatch> leaves;
  while (!data.empty()) {
    const absl::Span<const uint8_t> batch = data.subspan(0, kHashBatch * kBlockBytes);
    const size_t count = DivideUp(batch.size(), kBlockBytes);
    Hasher::ForThisThread().HashBlocks(batch, absl::MakeSpan(leaves.data(), count));
    for (size_t i = 0; i < count; ++i) tree.Add(leaves[i]);
    data.remove_prefix(batch.size());
  }
}

}  // namespace

Sha256Digest Sha256(absl::Span<const uint8_t> data) { return Hasher::ForThisThread().Hash(data); }

uint64_t PieceLength(uint64_t size) {
  return std::max(kMinPieceBytes, std::bit_ceil(DivideUp(size, kMaxPieces)));
}

uint64_t PieceCount(uint64_t size) { return DivideUp(size, PieceLength(size)); }

uint64_t PieceBytes(uint64_t size, uint64_t index) {
  if (index >= PieceCount(size)) return 0;
  return std::min(PieceLength(size), size - index * PieceLength(size));
}

Sha256Digest PieceHash(uint64_t book_size, absl::Span<const uint8_t> piece) {
  if (book_size == 0) return Sha256({});
  TreeBuilder tree;
  AddBlocks(tree, piece);
  return tree.Finish(PieceHeight(book_size));
}

struct PieceHasher::State {
  const size_t height;
  TreeBuilder tree{};
  std::vector<uint8_t> block{};  // the first bytes of an unfinished block
};

PieceHasher::PieceHasher(uint64_t book_size)
    : state_(std::make_unique<State>(State{.height = PieceHeight(book_size)})) {}
PieceHasher::~PieceHasher() = default;
PieceHasher::PieceHasher(PieceHasher&&) noexcept = default;
PieceHasher& PieceHasher::operator=(PieceHasher&&) noexcept = default;

void PieceHasher::Update(absl::Span<const uint8_t> data) {
  std::vector<uint8_t>& block = state_->block;
  if (!block.empty()) {
    const absl::Span<const uint8_t> rest = data.subspan(0, kBlockBytes - block.size());
    block.insert(block.end(), rest.begin(), rest.end());
    data.remove_prefix(rest.size());
    if (block.size() < kBlockBytes) return;
    AddBlocks(state_->tree, block);
    block.clear();
  }
  const size_t whole = data.size() / kBlockBytes * kBlockBytes;
  AddBlocks(state_->tree, data.subspan(0, whole));
  data.remove_prefix(whole);
  block.insert(block.end(), data.begin(), data.end());
}

Sha256Digest PieceHasher::Finish() {
  AddBlocks(state_->tree, state_->block);
  state_->block.clear();
  return state_->tree.Finish(state_->height);
}

Sha256Digest RootOfPieces(uint64_t size, absl::Span<const Sha256Digest> pieces) {
  if (pieces.empty()) return Sha256({});
  TreeBuilder tree(PieceHeight(size));
  for (const Sha256Digest& piece : pieces) tree.Add(piece);
  return tree.Finish(HeightFor(pieces.size()));
}

absl::Status VerifyManifest(const ContentId& id, absl::Span<const Sha256Digest> pieces) {
  if (pieces.size() != PieceCount(id.size)) {
    return MakeError(Reason::kContentMismatch,
                     absl::StrCat("a book of ", id.size, " bytes has ", PieceCount(id.size),
                                  " pieces, but the manifest lists ", pieces.size()));
  }
  if (RootOfPieces(id.size, pieces) != id.root) {
    return MakeError(Reason::kContentMismatch,
                     absl::StrCat("the manifest does not belong to the book ", ToHex(id.root)));
  }
  return absl::OkStatus();
}

struct BookHasher::State {
  explicit State(uint64_t size) : size(size), piece_length(PieceLength(size)), piece(size) {
    pieces.reserve(PieceCount(size));
  }

  void FinishPiece() {
    pieces.push_back(piece.Finish());
    piece_bytes = 0;
  }

  const uint64_t size;
  const uint64_t piece_length;
  uint64_t seen = 0;         // bytes given, including those beyond the size
  uint64_t piece_bytes = 0;  // bytes of the current piece
  PieceHasher piece;
  std::vector<Sha256Digest> pieces;
};

BookHasher::BookHasher(uint64_t size) : state_(std::make_unique<State>(size)) {}
BookHasher::~BookHasher() = default;
BookHasher::BookHasher(BookHasher&&) noexcept = default;
BookHasher& BookHasher::operator=(BookHasher&&) noexcept = default;

void BookHasher::Update(absl::Span<const uint8_t> data) {
  State& s = *state_;
  const uint64_t room = s.size - std::min(s.seen, s.size);
  s.seen += data.size();
  data = data.subspan(0, room);  // the file has grown meanwhile; Finish reports it
  while (!data.empty()) {
    const absl::Span<const uint8_t> run = data.subspan(0, s.piece_length - s.piece_bytes);
    s.piece.Update(run);
    s.piece_bytes += run.size();
    if (s.piece_bytes == s.piece_length) s.FinishPiece();
    data.remove_prefix(run.size());
  }
}

absl::StatusOr<BookHasher::Result> BookHasher::Finish() {
  State& s = *state_;
  if (s.seen != s.size) {
    return absl::FailedPreconditionError(
        absl::StrCat("expected ", s.size, " bytes of a book, got ", s.seen));
  }
  if (s.piece_bytes > 0) s.FinishPiece();
  return Result{{RootOfPieces(s.size, s.pieces), s.size}, s.pieces};
}

}  // namespace arkshare
