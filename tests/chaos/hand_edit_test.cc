// People change files by hand between any two steps of a move: nothing is lost, nothing is given
// away that was not listed, and every copy in the end is one that its holder may have.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/pause_point.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;

const std::string kOld = BookBytes(1'500'000, 1);
const std::string kNew = BookBytes(1'500'000, 2);

bool AtSource(const std::string& failpoint) { return failpoint.starts_with("source."); }

std::string CaseName(const std::string& failpoint) {
  return absl::StrReplaceAll(failpoint, {{".", "_"}});
}

// A move from "s" to "r" that is held at a failpoint.
class HandEditTest : public testing::Test {
 protected:
  void StartAndHold(const std::string& failpoint) {
    pause_ = std::make_unique<PausePoint>(failpoint, cluster_.path() + "/pause");
    const std::string setting = pause_->Setting();
    ASSERT_TRUE(Ok(StartMove(cluster_, kOld, AtSource(failpoint) ? setting : "",
                             AtSource(failpoint) ? "" : setting)));
    fetch_ = std::make_unique<PendingFetch>(cluster_.peer("r"), Wish("195"));
    ASSERT_TRUE(Ok(pause_->WaitUntilReached()));
  }
  void GoOn() {
    ASSERT_TRUE(Ok(pause_->Resume()));
    transfer_ = fetch_->Await();
    ASSERT_TRUE(Ok(transfer_));
  }

  Cluster cluster_;
  std::unique_ptr<PausePoint> pause_;
  std::unique_ptr<PendingFetch> fetch_;
  absl::StatusOr<v1::Transfer> transfer_;
};

// --- At the source, before the file is hidden ---

struct Edit {
  const char* name;
  void (*apply)(const std::string& path);
  bool leaves_new;  // kNew is there afterwards
};

const Edit kEdits[] = {
    {"Rewritten",
     [](const std::string& path) {
       // In place, the same inode and size.
       std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
       file.write(kNew.data(), static_cast<std::streamsize>(kNew.size()));
     },
     true},
    {"RewrittenWithTheOldTime",
     [](const std::string& path) {
       // As a program does that writes a tag into a song: only ctime shows it.
       const fs::file_time_type time = fs::last_write_time(path);
       std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
       file.write(kNew.data(), static_cast<std::streamsize>(kNew.size()));
       file.close();
       fs::last_write_time(path, time);
     },
     true},
    {"Replaced",
     [](const std::string& path) {
       const fs::path folder = fs::path(path).parent_path();
       WriteBook(folder, ".new", kNew);
       fs::rename(folder / ".new", path);
     },
     true},
    {"Deleted", [](const std::string& path) { fs::remove(path); }, false},
};

class EditBeforeHidingTest : public HandEditTest,
                             public testing::WithParamInterface<std::tuple<const char*, Edit>> {};

TEST_P(EditBeforeHidingTest, TheReceiverKeepsItsCopy) {
  const auto& [failpoint, edit] = GetParam();
  ASSERT_NO_FATAL_FAILURE(StartAndHold(failpoint));
  edit.apply(cluster_.Books("s") + "/195");
  ASSERT_NO_FATAL_FAILURE(GoOn());
  EXPECT_FALSE(transfer_->moving());
  EXPECT_THAT(transfer_->message(), testing::HasSubstr("keep the copy"));
  std::vector<std::string> new_holders;
  if (edit.leaves_new) new_holders.push_back("s");
  EXPECT_TRUE(EndsWith(cluster_, {{kOld, {"r"}}, {kNew, new_holders}}));
}

INSTANTIATE_TEST_SUITE_P(All, EditBeforeHidingTest,
                         testing::Combine(testing::Values("receiver.fetched", "receiver.prepared",
                                                          "source.release_asked"),
                                          testing::ValuesIn(kEdits)),
                         [](const auto& info) {
                           return CaseName(std::get<0>(info.param)) + "_" +
                                  std::get<1>(info.param).name;
                         });

// --- At the source, after the file was hidden ---

class NewFileAfterHidingTest : public HandEditTest,
                               public testing::WithParamInterface<const char*> {};

TEST_P(NewFileAfterHidingTest, TheOldOneMovesAndTheNewOneIsListed) {
  ASSERT_NO_FATAL_FAILURE(StartAndHold(GetParam()));
  WriteBook(cluster_.Books("s"), "195", kNew);
  ASSERT_NO_FATAL_FAILURE(GoOn());
  EXPECT_TRUE(transfer_->moving());
  EXPECT_TRUE(EndsWith(cluster_, {{kOld, {"r"}}, {kNew, {"s"}}}));
}

INSTANTIATE_TEST_SUITE_P(All, NewFileAfterHidingTest,
                         testing::Values("source.hidden", "source.hidden_synced", "source.released",
                                         "receiver.released", "receiver.owned", "receiver.admitted",
                                         "receiver.index_told", "source.confirm_asked",
                                         "source.unlinked", "source.gone"),
                         [](const auto& info) { return CaseName(info.param); });

// A program opens the hidden file and writes into it: what it wrote is kept, as a book of its own,
// and what was given away is what was listed.
class WrittenAfterHidingTest : public HandEditTest,
                               public testing::WithParamInterface<const char*> {};

TEST_P(WrittenAfterHidingTest, IsKept) {
  ASSERT_NO_FATAL_FAILURE(StartAndHold(GetParam()));
  const std::string released = cluster_.Books("s") + "/.arkshare/released";
  ASSERT_EQ(std::distance(fs::directory_iterator(released), fs::directory_iterator()), 1);
  std::fstream editor(fs::directory_iterator(released)->path(),
                      std::ios::in | std::ios::out | std::ios::binary);
  editor.write(kNew.data(), static_cast<std::streamsize>(kNew.size()));
  editor.flush();
  ASSERT_NO_FATAL_FAILURE(GoOn());
  EXPECT_TRUE(transfer_->moving());
  editor.close();
  EXPECT_TRUE(EndsWith(cluster_, {{kOld, {"r"}}, {kNew, {"s"}}}));
}

INSTANTIATE_TEST_SUITE_P(All, WrittenAfterHidingTest,
                         testing::Values("source.hidden_synced", "source.released",
                                         "receiver.owned", "receiver.index_told",
                                         "source.confirm_asked"),
                         [](const auto& info) { return CaseName(info.param); });

// A program that has the file open, such as a browser that downloads it, goes on writing.
TEST_F(HandEditTest, AFileThatAProgramHasOpenStaysWhereItIs) {
  WriteBook(cluster_.Books("s"), "195", kOld);
  std::fstream editor(cluster_.Books("s") + "/195",
                      std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(Ok(StartMove(cluster_, kOld)));
  transfer_ = cluster_.Get("r", "195");
  ASSERT_TRUE(Ok(transfer_));
  EXPECT_FALSE(transfer_->moving());
  EXPECT_THAT(transfer_->message(), testing::HasSubstr("open for writing"));
  editor.write(kNew.data(), static_cast<std::streamsize>(kNew.size()));
  editor.close();
  EXPECT_TRUE(EndsWith(cluster_, {{kOld, {"r"}}, {kNew, {"s"}}}));
}

TEST_F(HandEditTest, NewFileInThePlaceOfOneThatARestartPutsBack) {
  ASSERT_NO_FATAL_FAILURE(StartAndHold("source.hidden_synced"));
  WriteBook(cluster_.Books("s"), "195", kNew);
  cluster_.peer("s").process().Kill();
  ASSERT_TRUE(Ok(cluster_.peer("s").Restart()));
  absl::StatusOr<v1::Transfer> transfer = fetch_->Await();
  ASSERT_TRUE(Ok(transfer));
  EXPECT_FALSE(transfer->moving());
  EXPECT_TRUE(EndsWith(cluster_, {{kOld, {"r", "s"}}, {kNew, {"s"}}}));
  EXPECT_EQ(ReadFile(cluster_.Books("s") + "/195 (2)"), kOld);
}

// The folder of the hidden book is gone, and a file has its name.
TEST_F(HandEditTest, FolderReplacedByAFileBeforeARestartPutsBack) {
  WriteBook(cluster_.Books("s"), "sub/196", kNew);
  pause_ = std::make_unique<PausePoint>("source.hidden", cluster_.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster_, kOld, pause_->Setting())));
  fetch_ = std::make_unique<PendingFetch>(cluster_.peer("r"), Wish("sub/196"));
  ASSERT_TRUE(Ok(pause_->WaitUntilReached()));
  cluster_.peer("s").process().Kill();
  fs::remove(cluster_.Books("s") + "/sub");
  WriteBook(cluster_.Books("s"), "sub", "a file");
  ASSERT_TRUE(Ok(cluster_.peer("s").Restart()));
  ASSERT_TRUE(Ok(fetch_->Await()));
  EXPECT_TRUE(EndsWith(cluster_, {{kNew, {"r", "s"}}, {"a file", {"s"}}}));
}

// --- At the receiver ---

class NameTakenTest : public HandEditTest, public testing::WithParamInterface<const char*> {};

TEST_P(NameTakenTest, TheReceivedBookGetsAnotherName) {
  ASSERT_NO_FATAL_FAILURE(StartAndHold(GetParam()));
  WriteBook(cluster_.Books("r"), "195", kNew);
  ASSERT_NO_FATAL_FAILURE(GoOn());
  EXPECT_TRUE(transfer_->moving());
  EXPECT_EQ(transfer_->name(), "195 (2)");
  EXPECT_THAT(transfer_->message(), testing::HasSubstr("saved as 195 (2)"));
  EXPECT_TRUE(EndsWith(cluster_, {{kOld, {"r"}}, {kNew, {"r"}}}));
  EXPECT_EQ(ReadFile(cluster_.Books("r") + "/195"), kNew);
}

INSTANTIATE_TEST_SUITE_P(All, NameTakenTest,
                         testing::Values("receiver.prepared", "source.released",
                                         "receiver.released", "receiver.owned"),
                         [](const auto& info) { return CaseName(info.param); });

TEST_F(HandEditTest, NameTakenByAFolder) {
  ASSERT_NO_FATAL_FAILURE(StartAndHold("receiver.released"));
  WriteBook(cluster_.Books("r"), "195/inside", kNew);
  ASSERT_NO_FATAL_FAILURE(GoOn());
  EXPECT_EQ(transfer_->name(), "195 (2)");
  EXPECT_TRUE(EndsWith(cluster_, {{kOld, {"r"}}, {kNew, {"r"}}}));
}

TEST_F(HandEditTest, NameAndTheNextOnesTakenAndTheReceiverKilled) {
  ASSERT_NO_FATAL_FAILURE(StartAndHold("receiver.owned"));
  WriteBook(cluster_.Books("r"), "195", kNew);
  WriteBook(cluster_.Books("r"), "195 (2)", "another");
  cluster_.peer("r").process().Kill();
  EXPECT_TRUE(Undamaged(cluster_.AllBooks()));
  ASSERT_TRUE(Ok(cluster_.peer("r").Restart()));
  EXPECT_TRUE(EndsWith(cluster_, {{kOld, {"r"}}, {kNew, {"r"}}, {"another", {"r"}}}));
  EXPECT_EQ(ReadFile(cluster_.Books("r") + "/195 (3)"), kOld);
}

class GoneAtReceiverTest : public HandEditTest, public testing::WithParamInterface<const char*> {};

TEST_P(GoneAtReceiverTest, ADeletedBookHasNoHolder) {
  ASSERT_NO_FATAL_FAILURE(StartAndHold(GetParam()));
  fs::remove(cluster_.Books("r") + "/195");
  ASSERT_NO_FATAL_FAILURE(GoOn());
  EXPECT_TRUE(EndsWith(cluster_, {{kOld, {}}}));
}

TEST_P(GoneAtReceiverTest, AChangedBookIsAnotherBook) {
  ASSERT_NO_FATAL_FAILURE(StartAndHold(GetParam()));
  WriteBook(cluster_.Books("r"), "195", kNew);
  ASSERT_NO_FATAL_FAILURE(GoOn());
  EXPECT_TRUE(EndsWith(cluster_, {{kOld, {}}, {kNew, {"r"}}}));
}

TEST_P(GoneAtReceiverTest, DeletedWhileTheReceiverWasDead) {
  ASSERT_NO_FATAL_FAILURE(StartAndHold(GetParam()));
  cluster_.peer("r").process().Kill();
  fs::remove(cluster_.Books("r") + "/195");
  ASSERT_TRUE(Ok(cluster_.peer("r").Restart()));
  EXPECT_TRUE(EndsWith(cluster_, {{kOld, {}}}));
}

INSTANTIATE_TEST_SUITE_P(All, GoneAtReceiverTest,
                         testing::Values("receiver.admitted", "receiver.index_told",
                                         "receiver.confirmed"),
                         [](const auto& info) { return CaseName(info.param); });

// A person tidies up the folder: without its copy the receiver must not take the book.
TEST_F(HandEditTest, StagedFileRemoved) {
  ASSERT_NO_FATAL_FAILURE(StartAndHold("receiver.prepared"));
  std::vector<fs::path> waiting;
  for (const fs::directory_entry& entry : fs::directory_iterator(cluster_.Books("r"))) {
    if (entry.path().extension() == ".part") waiting.push_back(entry.path());
  }
  ASSERT_EQ(waiting.size(), 1U);
  fs::remove(waiting[0]);
  ASSERT_TRUE(Ok(pause_->Resume()));
  EXPECT_FALSE(Ok(fetch_->Await()));
  EXPECT_TRUE(EndsWith(cluster_, {{kOld, {"s"}}}));
}

}  // namespace
}  // namespace arkshare
