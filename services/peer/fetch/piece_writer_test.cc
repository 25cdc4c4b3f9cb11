#include "services/peer/fetch/piece_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/core/byte_size.h"
#include "lib/core/merkle.h"
#include "services/peer/disk/unique_fd.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

using Verdict = PieceWriter::Verdict;

constexpr uint64_t kSize = 3 * kMiB + 7;  // pieces 0 to 2, and a short one

class PieceWriterTest : public testing::Test {
 protected:
  using Pieces = std::vector<std::pair<uint64_t, Verdict>>;

  PieceWriterTest() { writer_.SetManifest(book_.pieces); }

  // Writes [begin, end) of the book, of which the byte at `wrong` is changed; returns the verdicts.
  Pieces Accept(uint64_t begin, uint64_t end, int holder = 1, uint64_t wrong = kSize) {
    std::string data = book_.bytes.substr(begin, end - begin);
    if (begin <= wrong && wrong < end) data[wrong - begin] ^= 1;
    Pieces pieces;
    const absl::Status accepted = writer_.Accept(
        {.stream = holder * 10, .holder = holder, .offset = begin, .data = std::move(data)},
        [&](uint64_t piece, Verdict verdict) { pieces.emplace_back(piece, verdict); });
    EXPECT_TRUE(accepted.ok()) << accepted;
    return pieces;
  }
  std::string InFile(uint64_t begin, uint64_t bytes) const {
    const std::string file = ReadFileAt(path_);
    return begin < file.size() ? file.substr(begin, bytes) : "";
  }

  const FakeBook book_ = FakeBook::OfSize(kSize);
  TempFolder temp_;
  const std::string path_ = temp_ / "book";
  UniqueFd fd_{::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  PieceWriter writer_{book_.id, fd_.get()};
};

TEST_F(PieceWriterTest, AWholePieceIsVerifiedAndWritten) {
  EXPECT_THAT(Accept(kMiB, 2 * kMiB), ElementsAre(Pair(1, Verdict::kVerified)));
  EXPECT_EQ(writer_.verified_bytes(), kMiB);
  EXPECT_TRUE(InFile(kMiB, kMiB) == book_.bytes.substr(kMiB, kMiB));
  EXPECT_THAT(Accept(kMiB, 2 * kMiB), IsEmpty()) << "it is here already";
  EXPECT_EQ(writer_.verified_bytes(), kMiB);
}

TEST_F(PieceWriterTest, AWrongPieceIsNotWritten) {
  EXPECT_THAT(Accept(kMiB, 2 * kMiB, 1, kMiB + 5), ElementsAre(Pair(1, Verdict::kWrong)));
  EXPECT_TRUE(writer_.FileIsEmpty());
  EXPECT_EQ(writer_.verified_bytes(), 0U);
}

TEST_F(PieceWriterTest, NothingMoreIsTakenFromALiar) {
  Accept(0, kMiB, 1, 5);
  EXPECT_THAT(Accept(kMiB, 2 * kMiB, 1), ElementsAre(Pair(1, Verdict::kDropped)));
  EXPECT_THAT(Accept(2 * kMiB, 2 * kMiB + 9, 1), IsEmpty()) << "the piece has not ended";
  EXPECT_TRUE(writer_.FileIsEmpty());
  EXPECT_THAT(Accept(0, kMiB, 2), ElementsAre(Pair(0, Verdict::kVerified)));
}

TEST_F(PieceWriterTest, AHashThatTheStreamComputedIsTaken) {
  Arrival arrival{.stream = 1, .holder = 1, .data = book_.bytes.substr(0, kMiB)};
  arrival.piece_hash = book_.pieces[1];  // of another piece
  Pieces pieces;
  EXPECT_TRUE(writer_
                  .Accept(arrival, [&](uint64_t piece,
                                       Verdict verdict) { pieces.emplace_back(piece, verdict); })
                  .ok());
  EXPECT_THAT(pieces, ElementsAre(Pair(0, Verdict::kWrong)));
}

TEST_F(PieceWriterTest, ChunksNeedNotBePieces) {
  Pieces all;
  for (uint64_t at = 0; at < kSize; at += 700'000) {
    for (const auto& piece : Accept(at, std::min(at + 700'000, kSize))) all.push_back(piece);
  }
  EXPECT_THAT(all, ElementsAre(Pair(0, Verdict::kVerified), Pair(1, Verdict::kVerified),
                               Pair(2, Verdict::kVerified), Pair(3, Verdict::kVerified)));
  EXPECT_EQ(writer_.verified_bytes(), kSize);
  EXPECT_TRUE(ReadFileAt(path_) == book_.bytes);
}

TEST_F(PieceWriterTest, OneChunkCanEndManyPieces) {
  EXPECT_THAT(Accept(0, kSize, 1, 2 * kMiB),
              ElementsAre(Pair(0, Verdict::kVerified), Pair(1, Verdict::kVerified),
                          Pair(2, Verdict::kWrong), Pair(3, Verdict::kDropped)));
}

TEST_F(PieceWriterTest, AWrongByteInAnyChunkMakesThePieceWrong) {
  EXPECT_THAT(Accept(0, 1000, 1, 5), IsEmpty());
  EXPECT_THAT(Accept(1000, kMiB, 1), ElementsAre(Pair(0, Verdict::kWrong)));
  EXPECT_EQ(writer_.verified_bytes(), 0U);
  // Another holder sends it again, over the wrong bytes in the file.
  EXPECT_THAT(Accept(0, 1000, 2), IsEmpty());
  EXPECT_THAT(Accept(1000, kMiB, 2), ElementsAre(Pair(0, Verdict::kVerified)));
  EXPECT_TRUE(InFile(0, kMiB) == book_.bytes.substr(0, kMiB));
}

TEST_F(PieceWriterTest, APieceThatAnotherStreamWroteOverIsDropped) {
  EXPECT_THAT(Accept(0, 1000, 1), IsEmpty());
  EXPECT_THAT(Accept(0, 1000, 2, 5), IsEmpty());  // over the right bytes
  EXPECT_THAT(Accept(1000, kMiB, 1), ElementsAre(Pair(0, Verdict::kDropped)))
      << "it was right as it came, but the file is not";
  EXPECT_EQ(writer_.verified_bytes(), 0U);
  EXPECT_THAT(Accept(1000, kMiB, 2), ElementsAre(Pair(0, Verdict::kWrong)));
  EXPECT_THAT(Accept(0, kMiB, 1), ElementsAre(Pair(0, Verdict::kVerified))) << "1 did not lie";
}

TEST_F(PieceWriterTest, TwoStreamsMayBringTheSamePiece) {
  EXPECT_THAT(Accept(0, 1000, 1), IsEmpty());
  EXPECT_THAT(Accept(0, 1000, 2), IsEmpty());
  EXPECT_THAT(Accept(1000, kMiB, 1), ElementsAre(Pair(0, Verdict::kVerified)));
  EXPECT_THAT(Accept(1000, kMiB, 2), IsEmpty());
}

TEST_F(PieceWriterTest, APieceThatBeginsAgainForgetsItsFirstChunks) {
  EXPECT_THAT(Accept(0, 1000, 1, 5), IsEmpty());
  EXPECT_THAT(Accept(0, 1000, 1), IsEmpty());
  EXPECT_THAT(Accept(1000, kMiB, 1), ElementsAre(Pair(0, Verdict::kVerified)));
}

TEST_F(PieceWriterTest, KeepsThePiecesThatTheFileHolds) {
  EXPECT_TRUE(writer_.FileIsEmpty());
  Accept(kMiB, 2 * kMiB);
  Accept(3 * kMiB, kSize);
  Accept(2 * kMiB, 2 * kMiB + 1000);  // a part of piece 2
  EXPECT_FALSE(writer_.FileIsEmpty());
  PieceWriter later(book_.id, fd_.get());
  EXPECT_FALSE(later.has_manifest());
  later.SetManifest(book_.pieces);
  EXPECT_TRUE(later.has_manifest());
  std::vector<uint64_t> kept;
  later.KeepVerified([&](uint64_t piece) { kept.push_back(piece); });
  EXPECT_THAT(kept, ElementsAre(1, 3));
  EXPECT_EQ(later.verified_bytes(), kMiB + 7);
}

TEST_F(PieceWriterTest, BytesBehindTheBookAreNoPiece) {
  WriteFileAt(path_, book_.bytes + std::string(2 * kMiB, 'x'));
  std::vector<uint64_t> kept;
  writer_.KeepVerified([&](uint64_t piece) { kept.push_back(piece); });
  EXPECT_THAT(kept, ElementsAre(0, 1, 2, 3));
}

TEST_F(PieceWriterTest, TheOnlyPieceOfABookIsProvenByTheRoot) {
  const FakeBook small = FakeBook::OfSize(1000);
  PieceWriter writer(small.id, fd_.get());
  EXPECT_TRUE(writer.has_manifest());
  EXPECT_EQ(writer.manifest(), small.pieces);
}

TEST_F(PieceWriterTest, SaysThatTheDiskIsFull) {
  absl::StatusOr<std::unique_ptr<SmallDisk>> disk = SmallDisk::Mount(kMiB / 2);
  if (!disk.ok()) GTEST_SKIP() << disk.status().message();
  UniqueFd fd(::open(((*disk)->path() + "/book").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  PieceWriter writer(book_.id, fd.get());
  writer.SetManifest(book_.pieces);
  const absl::Status status = writer.Accept(
      {.stream = 1, .holder = 1, .data = book_.bytes.substr(0, kMiB)},
      [](uint64_t, Verdict) { ADD_FAILURE() << "it is not written, so it does not count"; });
  EXPECT_EQ(ReasonOf(status), "DISK_FULL");
}

}  // namespace
}  // namespace arkshare
