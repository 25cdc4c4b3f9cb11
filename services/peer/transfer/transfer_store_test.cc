// TransferStore on a disk whose folders people change between the steps of a transfer.
#include "services/peer/transfer/transfer_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>

#include "services/peer/testing/fakes.h"
#include "services/peer/testing/small_disk.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::SizeIs;

class TransferStoreTest : public testing::Test {
 protected:
  // A copy of `name` that waits beside its place, as Settler prepares it.
  TransferRecord Prepare(const std::string& name) {
    TransferRecord record{.id = TransferId::Random(),
                          .source = PrivateKey::Generate().public_key(),
                          .source_listing = 1,
                          .content = book_.id,
                          .name = Must(BookName::Parse(name))};
    Entrance::Checked checked;
    Must(store_.ReserveName(record.name, checked));
    Must(store_.RecordIntents({record}));
    const UniqueFd fd = Must(store_.StageSmall(record, book_.bytes));
    Must(store_.BringNear(record));
    Must(store_.Prepare({fd.get()}, {name}, {record.id}));
    record.state = TransferRecord::State::kPrepared;
    return record;
  }
  ListingRecord Own(TransferRecord& record) {
    const std::string path = record.name.value();
    ListingRecord listing{.name = record.name,
                          .path = path,
                          .content = record.content,
                          .identity = Must(store_.FindStaged(record)).identity};
    Must(store_.ClaimPath(path));
    listing.number = record.listing = Must(store_.RecordOwned({{&record, &listing}}))[0];
    record.state = TransferRecord::State::kOwned;
    return listing;
  }
  // Does what a restarted peer does first, on its own objects.
  std::vector<TransferStore::Recovered> Restart() {
    disk_.library = std::make_unique<Library>(disk_.folder.get(), disk_.ledger.get(), Clock::Real(),
                                              Library::Options{});
    store_again_.emplace(disk_.folder.get(), disk_.ledger.get(), disk_.library.get(),
                         Clock::Real());
    std::vector<TransferStore::Recovered> recovered = Must(store_again_->Recover());
    Must(disk_.library->Load());
    return recovered;
  }

  const FakeBook book_ = FakeBook::OfSize(1000);
  // First: a folder that is open already does not see mounts of a new namespace.
  const absl::StatusOr<std::unique_ptr<SmallDisk>> small_disk_ = SmallDisk::Mount(1 << 20);
  TempFolder temp_;
  PeerDisk disk_{temp_.path()};
  TransferStore store_{disk_.folder.get(), disk_.ledger.get(), disk_.library.get(), Clock::Real()};
  std::optional<TransferStore> store_again_;
};

TEST_F(TransferStoreTest, ABookEntersItsFolder) {
  TransferRecord record = Prepare("music/song");
  ListingRecord listing = Own(record);
  Must(store_.Admit(record, listing));
  EXPECT_EQ(ReadFileAt(temp_ / "music/song"), book_.bytes);
  EXPECT_EQ(listing.identity, Must(disk_.folder->Stat("music/song")).identity);
}

TEST_F(TransferStoreTest, ANameThatWasTakenMeanwhileGetsANumber) {
  TransferRecord record = Prepare("music/song");
  ListingRecord listing = Own(record);
  WriteFileAt(temp_ / "music/song", "a person's");
  Must(store_.Admit(record, listing));
  EXPECT_EQ(listing.path, "music/song (2)");
  EXPECT_EQ(ReadFileAt(temp_ / "music/song (2)"), book_.bytes);
  EXPECT_EQ(ReadFileAt(temp_ / "music/song"), "a person's");
}

TEST_F(TransferStoreTest, AFolderThatCannotBeUsedAnyMoreSendsTheBookToTheSharedFolder) {
  TransferRecord record = Prepare("music/song");
  ListingRecord listing = Own(record);
  fs::rename(temp_ / "music", temp_ / "musik");
  WriteFileAt(temp_ / "music", "a person's");
  Must(store_.Admit(record, listing));
  EXPECT_EQ(listing.path, "song");
  EXPECT_EQ(record.name.value(), "song");
  EXPECT_EQ(ReadFileAt(temp_ / "song"), book_.bytes);
  EXPECT_EQ(Must(disk_.ledger->listings()->Find(listing.number))->path, "song");
}

TEST_F(TransferStoreTest, AnOwnedBookEntersWhereItsOwnerChooses) {
  TransferRecord record = Prepare("music/song");
  ListingRecord listing = Own(record);
  WriteFileAt(temp_ / "taken", "a person's");
  EXPECT_EQ(ReasonOf(store_.AdmitAt(record, listing, Must(BookName::Parse("taken")))),
            "NAME_TAKEN");
  EXPECT_EQ(listing.path, "music/song");
  Must(store_.AdmitAt(record, listing, Must(BookName::Parse("other/song"))));
  EXPECT_EQ(record.name.value(), "other/song");
  EXPECT_EQ(ReadFileAt(temp_ / "other/song"), book_.bytes);
  EXPECT_EQ(listing.identity, Must(disk_.folder->Stat("other/song")).identity);
  EXPECT_EQ(Must(disk_.ledger->listings()->Find(listing.number))->path, "other/song");
}

TEST_F(TransferStoreTest, APreparedBookWaitsBesideThePlaceThatItsOwnerChooses) {
  TransferRecord record = Prepare("music/song");
  Must(store_.PlacePrepared(record, Must(BookName::Parse("other/song"))));
  EXPECT_EQ(record.name.value(), "other/song");
  EXPECT_TRUE(Exists(temp_ / ("other/" + Entrance::PartName(record.id))));
  EXPECT_FALSE(Exists(temp_ / "music")) << "it was made for the book";
  // In the same folder, it waits there already.
  Must(store_.PlacePrepared(record, Must(BookName::Parse("other/tune"))));
  const std::vector<TransferStore::Recovered> recovered = Restart();
  ASSERT_THAT(recovered, SizeIs(1));
  EXPECT_EQ(recovered[0].record.name.value(), "other/tune");
  Must(store_again_->FindStaged(recovered[0].record).status());
}

TEST_F(TransferStoreTest, ABookThatIsGivenUpLeavesNoFolderThatWasMadeForIt) {
  const TransferRecord first = Prepare("new/folder/first");
  const TransferRecord second = Prepare("new/second");
  fs::create_directory(temp_ / "own");
  const TransferRecord third = Prepare("own/third");
  store_.Drop(first);
  EXPECT_FALSE(Exists(temp_ / "new/folder"));
  EXPECT_TRUE(Exists(temp_ / "new")) << "the second book waits there";
  store_.Drop(second);
  EXPECT_FALSE(Exists(temp_ / "new"));
  store_.Drop(third);
  EXPECT_TRUE(Exists(temp_ / "own")) << "a person made it";
}

TEST_F(TransferStoreTest, AFolderOfAReceivedBookIsNotRemoved) {
  TransferRecord record = Prepare("new/first");
  ListingRecord listing = Own(record);
  Must(store_.Admit(record, listing));
  store_.ShareAdmitted({listing});
  const TransferRecord second = Prepare("new/second");
  fs::remove(temp_ / "new/first");
  store_.Drop(second);
  EXPECT_TRUE(Exists(temp_ / "new"));
}

TEST_F(TransferStoreTest, ARestartPutsAnOwnedBookElsewhereWhenItsFolderCannotBeUsed) {
  TransferRecord record = Prepare("music/song");
  Own(record);
  fs::rename(temp_ / "music", temp_ / "musik");
  WriteFileAt(temp_ / "music", "a person's");
  const std::vector<TransferStore::Recovered> recovered = Restart();
  ASSERT_THAT(recovered, SizeIs(1));
  EXPECT_FALSE(recovered[0].to_admit.has_value());
  EXPECT_EQ(ReadFileAt(temp_ / "song"), book_.bytes);
  EXPECT_TRUE(disk_.library->Find(Must(BookName::Parse("song"))).has_value());
}

// A peer starts also when a book cannot enter at all.
TEST_F(TransferStoreTest, ARestartGoesOnWithoutABookThatCannotBeReached) {
  if (!small_disk_.ok()) GTEST_SKIP() << small_disk_.status().message();
  TransferRecord record = Prepare("music/song");
  Own(record);
  ASSERT_EQ(::mount("tmpfs", (temp_ / "music").c_str(), "tmpfs", 0, nullptr), 0);
  std::vector<TransferStore::Recovered> recovered = Restart();
  ASSERT_THAT(recovered, SizeIs(1));
  ASSERT_TRUE(recovered[0].to_admit.has_value());
  EXPECT_THAT(disk_.library->Items("", 10), IsEmpty()) << "it is not listed before it is there";

  ASSERT_EQ(::umount2((temp_ / "music").c_str(), MNT_DETACH), 0);
  ListingRecord& listing = *recovered[0].to_admit;
  Must(store_again_->Admit(recovered[0].record, listing));
  store_again_->ShareAdmitted({listing});
  EXPECT_EQ(ReadFileAt(temp_ / "music/song"), book_.bytes);
  EXPECT_THAT(disk_.library->Items("", 10), SizeIs(1));
}

TEST_F(TransferStoreTest, ARestartForgetsABookThatWasNearAndNotPrepared) {
  TransferRecord record{.id = TransferId::Random(),
                        .source = PrivateKey::Generate().public_key(),
                        .source_listing = 1,
                        .content = book_.id,
                        .name = Must(BookName::Parse("song"))};
  Must(store_.RecordIntents({record}));
  Must(store_.StageSmall(record, book_.bytes).status());
  Must(store_.BringNear(record));
  EXPECT_THAT(Restart(), IsEmpty());
  EXPECT_FALSE(Exists(temp_ / Entrance::PartName(record.id)));
}

TEST_F(TransferStoreTest, ABookWhosePlaceWasTakenByAFolderOfAnotherDiskIsNotPrepared) {
  if (!small_disk_.ok()) GTEST_SKIP() << small_disk_.status().message();
  TransferRecord record{.id = TransferId::Random(),
                        .source = PublicKey(),
                        .content = book_.id,
                        .name = Must(BookName::Parse("music/song"))};
  Must(store_.StageSmall(record, book_.bytes).status());
  fs::create_directories(temp_ / "music");
  ASSERT_EQ(::mount("tmpfs", (temp_ / "music").c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_EQ(ReasonOf(store_.BringNear(record)), "PLACE_UNUSABLE");
  ASSERT_EQ(::umount2((temp_ / "music").c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace arkshare
