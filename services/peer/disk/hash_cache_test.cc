#include "services/peer/disk/hash_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/must.h"
#include "services/peer/testing/small_disk.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

constexpr FileIdentity kIdentity = {.inode = 7, .size = 100, .mtime_ns = -5, .ctime_ns = 9};

class HashCacheTest : public testing::Test {
 protected:
  HashCacheTest() : folder_(Must(SharedFolder::Open(temp_.path()))) { Reopen(); }

  void Reopen() {
    cache_.reset();
    cache_ = Must(HashCache::Open(*folder_));
  }

  TempFolder temp_;
  std::unique_ptr<SharedFolder> folder_;
  std::unique_ptr<HashCache> cache_;
};

TEST_F(HashCacheTest, KnowsAFileByItsIdentity) {
  const FakeBook book = FakeBook::OfSize(100);
  cache_->Remember(kIdentity, book.id, book.pieces);
  Reopen();
  EXPECT_EQ(cache_->FindContent(kIdentity), book.id);
  FileIdentity other = kIdentity;
  ++other.inode;
  EXPECT_EQ(cache_->FindContent(other), std::nullopt);
  other = kIdentity;
  ++other.size;
  EXPECT_EQ(cache_->FindContent(other), std::nullopt);
  other = kIdentity;
  ++other.mtime_ns;
  EXPECT_EQ(cache_->FindContent(other), std::nullopt);
  other = kIdentity;
  ++other.ctime_ns;
  EXPECT_EQ(cache_->FindContent(other), std::nullopt) << "its mtime may have been put back";
}

TEST_F(HashCacheTest, ForgetsAFileWhateverItsCtime) {
  const FakeBook book = FakeBook::OfSize(100);
  cache_->Remember(kIdentity, book.id, book.pieces);
  FileIdentity doubted = kIdentity;
  doubted.ctime_ns = kDoubtedCtime;
  cache_->Forget(doubted);
  EXPECT_EQ(cache_->FindContent(kIdentity), std::nullopt);
}

TEST_F(HashCacheTest, ACacheFromElsewhereIsNotBelieved) {
  const FakeBook large = FakeBook::OfSize((2 << 20) + 1);
  const FakeBook book = FakeBook::OfSize(100);
  cache_->Remember({.inode = 8, .size = large.id.size}, large.id, large.pieces);
  cache_->Remember(kIdentity, book.id, book.pieces);
  FolderTraits traits = folder_->traits();
  ASSERT_NE(traits.place, 0);
  ++traits.place;  // as after a copy to another disk
  folder_->SetTraitsForTest(traits);
  Reopen();
  EXPECT_EQ(cache_->FindContent(kIdentity), std::nullopt);
  EXPECT_EQ(cache_->FindPieces(large.id), large.pieces) << "the root proves them";
  cache_->Remember(kIdentity, book.id, book.pieces);
  Reopen();
  EXPECT_EQ(cache_->FindContent(kIdentity), book.id) << "it belongs to the new place";
}

TEST_F(HashCacheTest, WithoutATrustedCtimeARestartBelievesNothing) {
  FolderTraits traits = folder_->traits();
  traits.ctime_trusted = false;
  folder_->SetTraitsForTest(traits);
  const FakeBook book = FakeBook::OfSize(100);
  Reopen();
  cache_->Remember(kIdentity, book.id, book.pieces);
  EXPECT_EQ(cache_->FindContent(kIdentity), book.id);
  Reopen();
  EXPECT_EQ(cache_->FindContent(kIdentity), std::nullopt);
}

TEST_F(HashCacheTest, ACacheWithoutCtimesIsBegunAgain) {
  cache_.reset();
  {
    const std::unique_ptr<SqlDatabase> db =
        Must(SqlDatabase::Open(folder_->StatePath("cache.db"), /*durable=*/false));
    Must(db->Execute(
        "DROP TABLE files; PRAGMA user_version = 0; CREATE TABLE files(inode INTEGER NOT NULL, "
        "size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, root BLOB NOT NULL, "
        "PRIMARY KEY(inode, size, mtime_ns)) WITHOUT ROWID"));
  }
  Reopen();
  const FakeBook book = FakeBook::OfSize(100);
  EXPECT_EQ(cache_->FindContent(kIdentity), std::nullopt);
  cache_->Remember(kIdentity, book.id, book.pieces);
  EXPECT_EQ(cache_->FindContent(kIdentity), book.id);
}

TEST_F(HashCacheTest, TheLatestContentOfAnIdentityCounts) {
  const FakeBook first = FakeBook::OfSize(100, 1);
  const FakeBook second = FakeBook::OfSize(100, 2);
  cache_->Remember(kIdentity, first.id, first.pieces);
  cache_->Remember(kIdentity, second.id, second.pieces);
  EXPECT_EQ(cache_->FindContent(kIdentity), second.id);
}

TEST_F(HashCacheTest, KeepsThePiecesOfBooksThatHaveSeveral) {
  const FakeBook large = FakeBook::OfSize((2 << 20) + 1);
  const FakeBook small = FakeBook::OfSize(100);
  const FakeBook empty = FakeBook::OfSize(0);
  ASSERT_EQ(large.pieces.size(), 3U);
  for (const FakeBook* book : {&large, &small, &empty}) {
    cache_->Remember({.inode = book->id.size, .size = book->id.size}, book->id, book->pieces);
  }
  Reopen();
  EXPECT_EQ(cache_->FindPieces(large.id), large.pieces);
  EXPECT_EQ(cache_->FindPieces(small.id), std::nullopt);
  EXPECT_EQ(cache_->FindPieces(empty.id), std::nullopt);
  // The root says nothing about the size.
  EXPECT_EQ(cache_->FindPieces({large.id.root, large.id.size - 1}), std::nullopt);
}

TEST_F(HashCacheTest, DoesNotBelieveAListOfPiecesOfTheWrongLength) {
  const FakeBook book = FakeBook::OfSize((2 << 20) + 1);
  cache_->Remember(kIdentity, book.id, absl::MakeConstSpan(book.pieces).subspan(0, 2));
  EXPECT_EQ(cache_->FindPieces(book.id), std::nullopt);
}

TEST_F(HashCacheTest, ADamagedCacheIsReplaced) {
  const FakeBook book = FakeBook::OfSize(100);
  cache_->Remember(kIdentity, book.id, book.pieces);
  cache_.reset();
  WriteFileAt(folder_->StatePath("cache.db"), std::string(10'000, 'x'));
  cache_ = Must(HashCache::Open(*folder_));
  EXPECT_EQ(cache_->FindContent(kIdentity), std::nullopt);
  cache_->Remember(kIdentity, book.id, book.pieces);
  Reopen();
  EXPECT_EQ(cache_->FindContent(kIdentity), book.id);
}

TEST_F(HashCacheTest, WithoutAFileTheCacheIsInMemory) {
  cache_.reset();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    ::unlink((folder_->StatePath("cache.db") + suffix).c_str());
  }
  WriteFileAt(folder_->StatePath("cache.db/a folder in its place"), "");
  Reopen();
  const FakeBook book = FakeBook::OfSize(100);
  cache_->Remember(kIdentity, book.id, book.pieces);
  EXPECT_EQ(cache_->FindContent(kIdentity), book.id);
}

TEST_F(HashCacheTest, AFullDiskLosesNothingThatWasKnown) {
  absl::StatusOr<std::unique_ptr<SmallDisk>> disk = SmallDisk::Mount(2 << 20);
  if (!disk.ok()) GTEST_SKIP() << disk.status().message();
  cache_.reset();
  folder_ = Must(SharedFolder::Open((*disk)->path()));
  folder_->FreeReserve();
  Reopen();
  const FakeBook book = FakeBook::OfSize(100);
  cache_->Remember(kIdentity, book.id, book.pieces);
  (*disk)->Fill();
  const std::vector<Sha256Digest> many(65'536);
  for (uint64_t i = 0; i < 3; ++i) {  // more than fits; none of it fails
    cache_->Remember({.inode = 1000 + i, .size = 100}, {{}, i}, many);
  }
  EXPECT_EQ(cache_->FindContent(kIdentity), book.id);
  Reopen();
  (*disk)->MakeRoom();
  Reopen();
  EXPECT_EQ(cache_->FindContent(kIdentity), book.id);
  cache_.reset();
  folder_.reset();
}

TEST_F(HashCacheTest, PruningForgetsFilesThatAreGone) {
  const FakeBook large = FakeBook::OfSize(3 << 20);
  const FakeBook small = FakeBook::OfSize(10);
  std::vector<HashCache::Entry> entries = {{{1, large.id.size, 1}, large.id, large.pieces},
                                           {{2, small.id.size, 1}, small.id, {}}};
  cache_->RememberAll(entries);
  cache_->Prune({2});
  EXPECT_EQ(cache_->FindContent(entries[0].identity), large.id) << "too few to be worth it";
  for (uint64_t inode = 100; inode < 1200; ++inode) {
    entries.push_back({{inode, small.id.size, 1}, small.id, {}});
  }
  cache_->RememberAll(entries);
  cache_->Prune({2});
  EXPECT_EQ(cache_->FindContent(entries[0].identity), std::nullopt);
  EXPECT_EQ(cache_->FindPieces(large.id), std::nullopt);
  EXPECT_EQ(cache_->FindContent(entries[1].identity), small.id);
  EXPECT_EQ(cache_->FindContent(entries.back().identity), std::nullopt);
}

// --- Hashing ---

class HashFileTest : public testing::Test {
 protected:
  absl::StatusOr<HashedFile> Hash(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return HashFile(fd.get(), Must(StatFd(fd.get())).identity);
  }
  TempFolder temp_;
};

TEST_F(HashFileTest, AgreesWithTheMerkleTree) {
  for (uint64_t size :
       {0, 1, 16'383, 16'384, 16'385, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) + 7}) {
    const FakeBook book = FakeBook::OfSize(size);
    WriteFileAt(temp_ / "book", book.bytes);
    const HashedFile hashed = Must(Hash(temp_ / "book"));
    EXPECT_EQ(hashed.id, book.id) << size;
    EXPECT_EQ(hashed.pieces, book.pieces) << size;
  }
}

TEST_F(HashFileTest, EndsInTheMiddleOfAFile) {
  WriteFileAt(temp_ / "book", std::string(100, 'x'));
  const UniqueFd fd(::open((temp_ / "book").c_str(), O_RDONLY | O_CLOEXEC));
  const FileIdentity identity = Must(StatFd(fd.get())).identity;
  std::atomic<bool> stop{false};
  EXPECT_TRUE(HashFile(fd.get(), identity, &stop).ok());
  stop.store(true);
  EXPECT_TRUE(absl::IsCancelled(HashFile(fd.get(), identity, &stop).status()));
}

TEST_F(HashFileTest, NoticesAFileThatIsNotWhatItWas) {
  WriteFileAt(temp_ / "book", std::string(100, 'x'));
  MakeOld(temp_ / "book");
  const UniqueFd fd(::open((temp_ / "book").c_str(), O_RDWR | O_CLOEXEC));
  const FileIdentity before = Must(StatFd(fd.get())).identity;
  EXPECT_TRUE(HashFile(fd.get(), before).ok());
  // Longer.
  ASSERT_EQ(::pwrite(fd.get(), "y", 1, 100), 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(HashFile(fd.get(), before).status()));
  // Shorter: there is less to read than it says.
  ASSERT_EQ(::ftruncate(fd.get(), 50), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(HashFile(fd.get(), before).status()));
  // As long as before, with other bytes.
  ASSERT_EQ(::ftruncate(fd.get(), 100), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(HashFile(fd.get(), before).status()));
}

TEST_F(HashFileTest, Stops) {
  WriteFileAt(temp_ / "book", std::string(100, 'x'));
  const UniqueFd fd(::open((temp_ / "book").c_str(), O_RDONLY | O_CLOEXEC));
  const std::atomic<bool> stop{true};
  EXPECT_TRUE(
      absl::IsCancelled(HashFile(fd.get(), Must(StatFd(fd.get())).identity, &stop).status()));
}

}  // namespace
}  // namespace arkshare
