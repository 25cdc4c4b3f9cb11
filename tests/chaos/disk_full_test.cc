// Full disks: before the commit point a transfer fails and nothing is lost; after it nothing is
// ever given up, and the transfer ends when there is room again.
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

#include "lib/core/errors.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/pause_point.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;

// A small disk of its own in a folder.
class SmallDisk {
 public:
  SmallDisk(std::string folder, const std::string& size) : folder_(std::move(folder)) {
    mounted_ = mount("none", folder_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    error_ = errno;
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
  }

  bool mounted() const { return mounted_; }
  std::string error() const { return std::strerror(error_); }

  // To the last byte, and nothing in reserve.
  void Fill() {
    fs::remove(folder_ + "/.arkshare/reserve");
    const int fd = open((folder_ + "/.filler").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ASSERT_GE(fd, 0);
    const std::string page(4096, 'x');
    while (write(fd, page.data(), page.size()) > 0) {
    }
    EXPECT_EQ(errno, ENOSPC);
    close(fd);
  }
  void MakeRoom() { fs::remove(folder_ + "/.filler"); }

 private:
  const std::string folder_;
  bool mounted_ = false;
  int error_ = 0;
};

// The small disk is that of peer "r" or "s".
#define ARKSHARE_SMALL_DISK(disk, cluster, peer)                                             \
  SmallDisk disk((cluster).Books(peer), "8m");                                               \
  if (!(disk).mounted()) {                                                                   \
    GTEST_SKIP() << "needs to mount a small tmpfs, which only root may: " << (disk).error(); \
  }                                                                                          \
  static_assert(true)

const std::string kBook = BookBytes(2'500'000, 5);

bool WaitsForRoom(const v1::Transfer& transfer) {
  return transfer.message().find("disk is full") != std::string::npos;
}

TEST(DiskFullTest, NoRoomForTheBook) {
  Cluster cluster;
  ARKSHARE_SMALL_DISK(disk, cluster, "r");
  const std::string large = BookBytes(9'000'000, 6);
  ASSERT_TRUE(Ok(StartMove(cluster, large)));
  absl::StatusOr<v1::Transfer> transfer = cluster.Get("r", "195");
  EXPECT_EQ(GetReason(transfer.status()), Reason::kDiskFull) << transfer.status();
  EXPECT_TRUE(EndsWith(cluster, {{large, {"s"}}}));
  // The name is free again, and a smaller book of that name fits.
  WriteBook(cluster.Books("s"), "195", kBook);
  ASSERT_TRUE(cluster.WaitForHolders(ContentOf(kBook), {"s"}));
  EXPECT_TRUE(Ok(cluster.Get("r", "195")));
  EXPECT_TRUE(EndsWith(cluster, {{large, {}}, {kBook, {"r"}}}));
}

TEST(DiskFullTest, FullToTheLastByteBeforeTheCommitPoint) {
  Cluster cluster;
  ARKSHARE_SMALL_DISK(disk, cluster, "r");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook)));
  disk.Fill();
  absl::StatusOr<v1::Transfer> transfer = cluster.Get("r", "195");
  EXPECT_EQ(GetReason(transfer.status()), Reason::kDiskFull) << transfer.status();
  EXPECT_EQ(cluster.HoldersOf(ContentOf(kBook)), std::vector<std::string>{"s"});
  disk.MakeRoom();
  EXPECT_TRUE(Ok(cluster.Get("r", "195")));
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"r"}}}));
}

TEST(DiskFullTest, FullWhenThePreparedCopyIsToBeRecorded) {
  Cluster cluster;
  ARKSHARE_SMALL_DISK(disk, cluster, "r");
  PausePoint pause("receiver.synced", cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, "", pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  disk.Fill();
  ASSERT_TRUE(Ok(pause.Resume()));
  EXPECT_EQ(GetReason(fetch.Await().status()), Reason::kDiskFull);
  disk.MakeRoom();
  // A transfer that could not be recorded is forgotten by the next start at the latest.
  ASSERT_TRUE(Ok(cluster.peer("r").process().Stop()));
  ASSERT_TRUE(Ok(cluster.peer("r").Restart()));
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"s"}}}));
}

class FullAfterCommitTest : public testing::TestWithParam<const char*> {};

// The receiver can write nothing more from this step on, until there is room again.
TEST_P(FullAfterCommitTest, DelaysTheReceiver) {
  Cluster cluster;
  ARKSHARE_SMALL_DISK(disk, cluster, "r");
  PausePoint pause(GetParam(), cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, "", pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  disk.Fill();
  ASSERT_TRUE(Ok(pause.Resume()));
  if (std::string(GetParam()) == "receiver.released") {
    EXPECT_TRUE(fetch.WaitFor(WaitsForRoom)) << fetch.last().ShortDebugString();
    absl::StatusOr<v1::ListLimboResponse> limbo = Limbo(cluster.peer("s"));
    ASSERT_TRUE(Ok(limbo));
    EXPECT_EQ(limbo->entries_size(), 1) << "the source still hides its copy";
  } else {
    ASSERT_TRUE(Ok(fetch.Await()));
    // It has failed to record something at least once.
    ASSERT_TRUE(EventuallyTrue([&] {
      const std::string log = cluster.peer("r").process().Log();
      return log.find("not_settled") != std::string::npos ||
             log.find("database or disk is full") != std::string::npos;
    }));
  }
  disk.MakeRoom();
  EXPECT_TRUE(Ok(fetch.Await()));
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"r"}}}));
}

// The source dies, and the owner keeps the book while the disk is full: from `failpoint` of the
// receiver on, with the source killed at `source_failpoint` or, when that is empty, just then.
void KeepOnAFullDisk(const std::string& failpoint, const std::string& source_failpoint,
                     bool moved) {
  Cluster cluster;
  ARKSHARE_SMALL_DISK(disk, cluster, "r");
  PausePoint pause(failpoint, cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, source_failpoint, pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  disk.Fill();
  if (source_failpoint.empty()) cluster.peer("s").process().Kill();
  ASSERT_TRUE(Ok(pause.Resume()));
  if (!source_failpoint.empty()) {
    ASSERT_TRUE(Ok(cluster.peer("s").process().WaitExit()));
  }
  ASSERT_TRUE(fetch.WaitFor([](const v1::Transfer& transfer) {
    return absl::StartsWith(transfer.message(), "waiting");
  }));
  absl::StatusOr<v1::KeepTransferResponse> kept;
  std::thread keeper([&] { kept = Keep(cluster.peer("r"), fetch.last().transfer_id()); });
  EXPECT_TRUE(EventuallyTrue(
      [&] { return absl::StrContains(cluster.peer("r").process().Log(), "keep_asked"); }));
  EXPECT_TRUE(fetch.WaitFor(WaitsForRoom)) << fetch.last().ShortDebugString();
  disk.MakeRoom();
  keeper.join();
  ASSERT_TRUE(Ok(kept));
  EXPECT_EQ(kept->moved(), moved);
  ASSERT_TRUE(Ok(fetch.Await()));
  ASSERT_TRUE(Ok(cluster.peer("s").Restart()));
  const std::vector<std::string> both = {"r", "s"};
  EXPECT_TRUE(EndsWith(cluster, {{kBook, moved ? std::vector<std::string>{"r"} : both}}));
}

TEST(KeepOnAFullDiskTest, ATicketThatIsHereAlreadyCounts) {
  KeepOnAFullDisk("receiver.released", "", /*moved=*/true);
}

TEST(KeepOnAFullDiskTest, IsKeptWhenThereIsRoom) {
  KeepOnAFullDisk("receiver.prepared", "source.release_asked=kill", /*moved=*/false);
}

TEST_P(FullAfterCommitTest, OutlivesAKillOnTheFullDisk) {
  Cluster cluster;
  ARKSHARE_SMALL_DISK(disk, cluster, "r");
  PausePoint pause(GetParam(), cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, "", pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  disk.Fill();
  cluster.peer("r").process().Kill();
  EXPECT_TRUE(Undamaged(cluster.AllBooks()));
  // It may refuse to run on a disk without a single byte left; it must not forget anything.
  absl::Status started = cluster.peer("r").Restart();
  disk.MakeRoom();
  if (!started.ok()) {
    EXPECT_THAT(std::string(started.message()), testing::HasSubstr("full"));
    ASSERT_TRUE(Ok(cluster.peer("r").Restart()));
  }
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"r"}}}));
}

INSTANTIATE_TEST_SUITE_P(Steps, FullAfterCommitTest,
                         testing::Values("receiver.released", "receiver.owned", "receiver.admitted",
                                         "receiver.index_told"),
                         [](const auto& info) {
                           return std::string(info.param).substr(std::strlen("receiver."));
                         });

TEST(DiskFullTest, TheSourceCannotRecordTheRelease) {
  Cluster cluster;
  ARKSHARE_SMALL_DISK(disk, cluster, "s");
  PausePoint pause("source.hidden_synced", cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  disk.Fill();
  ASSERT_TRUE(Ok(pause.Resume()));
  EXPECT_TRUE(fetch.WaitFor(WaitsForRoom)) << fetch.last().ShortDebugString();
  EXPECT_EQ(ReadFile(cluster.Books("s") + "/195"), kBook) << "nothing was decided";
  EXPECT_EQ(cluster.HoldersOf(ContentOf(kBook)), std::vector<std::string>{"s"});
  disk.MakeRoom();
  EXPECT_TRUE(Ok(fetch.Await()));
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"r"}}}));
}

TEST(DiskFullTest, TheSourceCannotRecordThatItIsOver) {
  Cluster cluster;
  ARKSHARE_SMALL_DISK(disk, cluster, "s");
  PausePoint pause("source.unlinked", cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  disk.Fill();
  ASSERT_TRUE(Ok(pause.Resume()));
  ASSERT_TRUE(Ok(fetch.Await())) << "the receiver has its book";
  ASSERT_TRUE(EventuallyTrue([&] {
    return cluster.peer("s").process().Log().find("hidden_copies_not_removed") != std::string::npos;
  }));
  disk.MakeRoom();
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"r"}}}));
}

// The reserve is there so that a disk that a person has filled stops nothing that was begun.
TEST(DiskFullTest, TheReserveCarriesAMoveThroughAFullDisk) {
  Cluster cluster;
  ARKSHARE_SMALL_DISK(disk, cluster, "r");
  PausePoint pause("receiver.released", cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, "", pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  const std::string reserve = cluster.Books("r") + "/.arkshare/reserve";
  ASSERT_TRUE(fs::exists(reserve));
  fs::rename(reserve, cluster.Books("r") + "/.arkshare/kept");
  disk.Fill();
  fs::rename(cluster.Books("r") + "/.arkshare/kept", reserve);
  ASSERT_TRUE(Ok(pause.Resume()));
  EXPECT_TRUE(Ok(fetch.Await()));
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"r"}}})) << "though the disk is still full";
  EXPECT_FALSE(fs::exists(reserve));
}

}  // namespace
}  // namespace arkshare
