#include "lib/core/merkle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <random>

#include "lib/core/byte_size.h"
#include "lib/core/errors.h"

namespace arkshare {
namespace {

std::vector<uint8_t> Bytes(uint64_t size) {
  std::mt19937_64 random(size);
  std::vector<uint8_t> bytes(size);
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(&bytes[at], &word, std::min(sizeof(word), size - at));
  }
  return bytes;
}

Sha256Digest Pair(const Sha256Digest& left, const Sha256Digest& right) {
  std::vector<uint8_t> both(left.begin(), left.end());
  both.insert(both.end(), right.begin(), right.end());
  return Sha256(both);
}

// A literal implementation of BEP 52: all leaves, padded with zero leaves to the next power of two,
// row by row.
Sha256Digest ReferenceRoot(std::vector<Sha256Digest> row, size_t width) {
  row.resize(width);
  while (row.size() > 1) {
    for (size_t i = 0; i < row.size() / 2; ++i) row[i] = Pair(row[2 * i], row[2 * i + 1]);
    row.resize(row.size() / 2);
  }
  return row[0];
}

std::vector<Sha256Digest> ReferenceLeaves(absl::Span<const uint8_t> data) {
  std::vector<Sha256Digest> leaves;
  for (size_t at = 0; at < data.size(); at += kBlockBytes) {
    leaves.push_back(Sha256(data.subspan(at, kBlockBytes)));
  }
  return leaves;
}

Sha256Digest ReferenceRoot(absl::Span<const uint8_t> data) {
  if (data.empty()) return Sha256({});
  const std::vector<Sha256Digest> leaves = ReferenceLeaves(data);
  return ReferenceRoot(leaves, std::bit_ceil(leaves.size()));
}

BookHasher::Result HashInSteps(absl::Span<const uint8_t> data, size_t step) {
  BookHasher hasher(data.size());
  for (size_t at = 0; at < data.size(); at += step) hasher.Update(data.subspan(at, step));
  absl::StatusOr<BookHasher::Result> result = hasher.Finish();
  EXPECT_TRUE(result.ok()) << result.status();
  return *result;
}

TEST(Sha256Test, KnowsTheVectorsOfTheStandard) {
  EXPECT_EQ(ToHex(Sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const std::vector<uint8_t> abc = {'a', 'b', 'c'};
  EXPECT_EQ(ToHex(Sha256(abc)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(PieceLengthTest, DependsOnTheSizeOnly) {
  struct Case {
    uint64_t size, length, count;
  };
  for (const Case& c :
       {Case{0, kMiB, 0}, Case{1, kMiB, 1}, Case{kMiB, kMiB, 1}, Case{kMiB + 1, kMiB, 2},
        Case{5 * kGiB, kMiB, 5120}, Case{64 * kGiB - 1, kMiB, 65536}, Case{64 * kGiB, kMiB, 65536},
        Case{64 * kGiB + 1, 2 * kMiB, 32769}, Case{128 * kGiB, 2 * kMiB, 65536},
        Case{128 * kGiB + 1, 4 * kMiB, 32769},
        Case{std::numeric_limits<uint64_t>::max(), uint64_t{1} << 48, 65536}}) {
    EXPECT_EQ(PieceLength(c.size), c.length) << c.size;
    EXPECT_EQ(PieceCount(c.size), c.count) << c.size;
  }
}

TEST(PieceBytesTest, AddUpToTheBook) {
  for (uint64_t size : {uint64_t{0}, uint64_t{1}, kMiB - 1, kMiB, kMiB + 1, 5 * kMiB + 77}) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < PieceCount(size); ++i) sum += PieceBytes(size, i);
    EXPECT_EQ(sum, size);
    EXPECT_EQ(PieceBytes(size, PieceCount(size)), 0u);
  }
  EXPECT_EQ(PieceBytes(kMiB + 1, 0), kMiB);
  EXPECT_EQ(PieceBytes(kMiB + 1, 1), 1u);
  EXPECT_EQ(PieceBytes(std::numeric_limits<uint64_t>::max(), 65535), (uint64_t{1} << 48) - 1);
}

class BookSizeTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(BookSizeTest, RootAndPiecesMatchTheDefinition) {
  const uint64_t size = GetParam();
  const std::vector<uint8_t> data = Bytes(size);
  const BookHasher::Result result = HashInSteps(data, kMiB);
  EXPECT_EQ(result.id.size, size);
  EXPECT_EQ(ToHex(result.id.root), ToHex(ReferenceRoot(data)));
  ASSERT_EQ(result.pieces.size(), PieceCount(size));
  EXPECT_TRUE(VerifyManifest(result.id, result.pieces).ok());
  for (uint64_t i = 0; i < result.pieces.size(); ++i) {
    const auto piece = absl::MakeSpan(data).subspan(i * kMiB, PieceBytes(size, i));
    EXPECT_EQ(result.pieces[i], PieceHash(size, piece)) << "piece " << i;
    const Sha256Digest expected =
        size <= kMiB ? ReferenceRoot(piece) : ReferenceRoot(ReferenceLeaves(piece), 64);
    EXPECT_EQ(result.pieces[i], expected) << "piece " << i;
  }
}

TEST_P(BookSizeTest, TheSizesOfUpdatesDoNotMatter) {
  const std::vector<uint8_t> data = Bytes(GetParam());
  const BookHasher::Result whole = HashInSteps(data, data.size() + 1);
  for (size_t step : {size_t{1000}, size_t{4096}, size_t{16383}, size_t{16384}, size_t{16385},
                      size_t{100'000}, size_t{kMiB - 1}, size_t{kMiB + 1}}) {
    const BookHasher::Result steps = HashInSteps(data, step);
    EXPECT_EQ(steps.id, whole.id) << step;
    EXPECT_EQ(steps.pieces, whole.pieces) << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, BookSizeTest,
                         ::testing::Values(0, 1, 31, 32, 64, 16383, 16384, 16385, 32767, 32768,
                                           32769, 49152, 65537, 500'000, kMiB - 16385, kMiB - 1,
                                           kMiB, kMiB + 1, kMiB + 16384, kMiB + 16385, 2 * kMiB - 1,
                                           2 * kMiB, 2 * kMiB + 1, 3 * kMiB - 1, 3 * kMiB,
                                           3 * kMiB + 1, 4 * kMiB, 5 * kMiB + 123'457,
                                           9 * kMiB + 1));

TEST(BookHasherTest, TakesSingleBytes) {
  const std::vector<uint8_t> data = Bytes(40'000);
  EXPECT_EQ(HashInSteps(data, 1).id, HashInSteps(data, data.size()).id);
}

TEST(BookHasherTest, AnEmptyBookIsTheHashOfNothing) {
  BookHasher hasher(0);
  const absl::StatusOr<BookHasher::Result> result = hasher.Finish();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->id.root, Sha256({}));
  EXPECT_TRUE(result->pieces.empty());
  EXPECT_TRUE(VerifyManifest(result->id, {}).ok());
}

TEST(BookHasherTest, AnotherNumberOfBytesIsAnError) {
  const std::vector<uint8_t> data = Bytes(2 * kMiB + 1);
  for (uint64_t size : {uint64_t{0}, uint64_t{1}, 2 * kMiB, 2 * kMiB + 2, 9 * kMiB}) {
    BookHasher hasher(size);
    hasher.Update(data);
    EXPECT_EQ(hasher.Finish().status().code(), absl::StatusCode::kFailedPrecondition) << size;
  }
}

TEST(BookHasherTest, CanBeMoved) {
  const std::vector<uint8_t> data = Bytes(kMiB + 5);
  BookHasher first(data.size());
  first.Update(absl::MakeSpan(data).subspan(0, 12'345));
  BookHasher second = std::move(first);
  second.Update(absl::MakeSpan(data).subspan(12'345));
  EXPECT_EQ(second.Finish()->id.root, ReferenceRoot(data));
}

// Books of more than 64 GiB have longer pieces; their trees are checked without their bytes.
TEST(RootOfPiecesTest, PadsWithPiecesOfZeroLeaves) {
  const uint64_t size = 64 * kGiB + 1;
  ASSERT_EQ(PieceLength(size), 2 * kMiB);
  std::vector<Sha256Digest> pieces(PieceCount(size));
  for (size_t i = 0; i < pieces.size(); ++i) {
    pieces[i] = Sha256({reinterpret_cast<const uint8_t*>(&i), sizeof(i)});
  }
  Sha256Digest zero_piece{};
  for (int height = 0; height < 7; ++height) zero_piece = Pair(zero_piece, zero_piece);
  std::vector<Sha256Digest> row = pieces;
  row.resize(65'536, zero_piece);
  EXPECT_EQ(RootOfPieces(size, pieces), ReferenceRoot(row, row.size()));
}

TEST(PieceHashTest, HashesLongPieces) {
  const uint64_t size = 64 * kGiB + 1;
  const std::vector<uint8_t> whole = Bytes(2 * kMiB);
  EXPECT_EQ(PieceHash(size, whole), ReferenceRoot(ReferenceLeaves(whole), 128));
  const std::vector<uint8_t> last = Bytes(1);
  EXPECT_EQ(PieceHash(size, last), ReferenceRoot(ReferenceLeaves(last), 128));
}

TEST(VerifyManifestTest, RefusesEveryOtherManifest) {
  const BookHasher::Result book = HashInSteps(Bytes(3 * kMiB + 1), kMiB);
  std::vector<std::vector<Sha256Digest>> forgeries;
  for (size_t i = 0; i < book.pieces.size(); ++i) {
    forgeries.push_back(book.pieces);
    forgeries.back()[i][31] ^= 1;
  }
  forgeries.push_back(book.pieces);
  std::swap(forgeries.back()[0], forgeries.back()[1]);
  forgeries.push_back(book.pieces);
  forgeries.back().pop_back();
  forgeries.push_back(book.pieces);
  forgeries.back().push_back(book.pieces[0]);
  forgeries.emplace_back();
  // A higher row of the tree has the same root, but another number of hashes.
  forgeries.push_back({Pair(book.pieces[0], book.pieces[1]), Pair(book.pieces[2], book.pieces[3])});
  forgeries.push_back({book.id.root});
  for (const std::vector<Sha256Digest>& pieces : forgeries) {
    const absl::Status status = VerifyManifest(book.id, pieces);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(GetReason(status), Reason::kContentMismatch);
  }
}

TEST(VerifyManifestTest, RefusesAnotherSize) {
  const BookHasher::Result book = HashInSteps(Bytes(3 * kMiB), kMiB);
  ContentId other = book.id;
  other.size = 4 * kMiB + 1;
  EXPECT_FALSE(VerifyManifest(other, book.pieces).ok());
}

// The reason why a ContentId has a size: a file that consists of two hashes has the same root as
// the data with these hashes.
TEST(ContentIdTest, TheRootAloneDoesNotAuthenticateTheSize) {
  const std::vector<uint8_t> long_file = Bytes(2 * kBlockBytes);
  const std::vector<Sha256Digest> leaves = ReferenceLeaves(long_file);
  std::vector<uint8_t> short_file(leaves[0].begin(), leaves[0].end());
  short_file.insert(short_file.end(), leaves[1].begin(), leaves[1].end());
  const ContentId a = HashInSteps(long_file, kMiB).id;
  const ContentId b = HashInSteps(short_file, kMiB).id;
  EXPECT_EQ(a.root, b.root);
  EXPECT_NE(a, b);
}

}  // namespace
}  // namespace arkshare
