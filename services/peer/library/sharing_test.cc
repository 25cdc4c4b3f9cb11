#include "services/peer/library/sharing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "services/peer/testing/must.h"
#include "services/peer/testing/peer_disk.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The shared folder is "books"; the owner's other files are beside it.
class SharingTest : public testing::Test {
 protected:
  SharingTest() {
    WriteFileAt(temp_ / "books/195", "the book");
    WriteFileAt(temp_ / "books/sub/deep/196", "another");
    WriteFileAt(temp_ / "books/sub/197", "a third");
    disk_ = std::make_unique<PeerDisk>(temp_ / "books");
    Must(library().Load());
    for (const char* name : {"195", "sub/deep/196", "sub/197"}) disk_->scanner->Examine(name);
    sharing_ = std::make_unique<Sharing>(disk_->folder.get(), &library(), disk_->scanner.get());
  }

  Library& library() { return *disk_->library; }
  // Returns the listed paths, and the others with a "?".
  std::vector<std::string> Listed() {
    std::vector<std::string> paths;
    for (const LibraryItem& item : library().Items("", 1000)) {
      paths.push_back(item.path + (item.book ? "" : "?"));
    }
    return paths;
  }

  // Returns what was refused, with the reasons, in order.
  static std::vector<std::string> Refused(const Sharing::Shared& shared) {
    std::vector<std::string> refused;
    for (const auto& [path, why] : shared.refused) refused.push_back(path + ": " + ReasonOf(why));
    std::sort(refused.begin(), refused.end());
    return refused;
  }

  // Shares for a caller that waits for the end.
  absl::StatusOr<Sharing::Shared> Share(const std::string& path) {
    return sharing_->Share(path, [] { return false; });
  }
  std::vector<std::string> Staged() { return NamesIn(disk_->folder->StatePath("staging")); }

  TempFolder temp_;
  std::unique_ptr<PeerDisk> disk_;
  std::unique_ptr<Sharing> sharing_;
};

TEST_F(SharingTest, ACallerThatGoesEndsTheCopyOfAFile) {
  WriteFileAt(temp_ / "huge", std::string(4 * 1024 * 1024, 'x'));
  std::vector<uint64_t> seen;
  const auto shared = sharing_->Share(temp_ / "huge", [&] {
    for (const Sharing::Progress& running : sharing_->Running()) {
      EXPECT_EQ(running.path, temp_ / "huge");
      EXPECT_EQ(running.bytes_total, 4U * 1024 * 1024);
      seen.push_back(running.bytes_done);
    }
    return seen.back() > 0;
  });
  EXPECT_TRUE(absl::IsCancelled(shared.status())) << shared.status();
  EXPECT_FALSE(Exists(temp_ / "books/huge"));
  EXPECT_THAT(Staged(), testing::IsEmpty());
  EXPECT_THAT(sharing_->Running(), testing::IsEmpty());
  EXPECT_TRUE(Share(temp_ / "huge").ok());
}

TEST_F(SharingTest, ACallerThatGoesEndsTheCopyOfAFolderAndKeepsWhatIsShared) {
  for (const char* name : {"folder/a", "folder/b", "folder/c"}) {
    WriteFileAt(temp_ / name, std::string(1024 * 1024, name[7]));
  }
  const Sharing::Shared shared = Must(sharing_->Share(
      temp_ / "folder", [&] { return sharing_->Running()[0].bytes_done > 1024 * 1024; }));
  EXPECT_EQ(shared.first_name, "folder/a");
  EXPECT_EQ(shared.file_count, 1U);
  EXPECT_TRUE(Exists(temp_ / "books/folder/a"));
  EXPECT_FALSE(Exists(temp_ / "books/folder/b"));
  EXPECT_FALSE(Exists(temp_ / "books/folder/c"));
  EXPECT_THAT(Staged(), testing::IsEmpty());
}

TEST_F(SharingTest, TheEndOfThePeerEndsACopy) {
  WriteFileAt(temp_ / "huge", std::string(4 * 1024 * 1024, 'x'));
  const auto shared = sharing_->Share(temp_ / "huge", [&] {
    if (sharing_->Running()[0].bytes_done > 0) sharing_->Stop();
    return false;
  });
  EXPECT_EQ(ReasonOf(shared.status()), "SHUTTING_DOWN");
  EXPECT_FALSE(Exists(temp_ / "books/huge"));
  EXPECT_THAT(Staged(), testing::IsEmpty());
}

TEST_F(SharingTest, AFileOrAFolderFromOutsideIsCopied) {
  WriteFileAt(temp_ / "outside/a", "book a");
  WriteFileAt(temp_ / "outside/sub/b", "book b");
  WriteFileAt(temp_ / "outside/.hidden/c", "hidden");
  const Sharing::Shared shared = Must(Share(temp_ / "outside"));
  EXPECT_EQ(shared.first_name, "outside/a");
  EXPECT_EQ(shared.file_count, 2U);
  EXPECT_EQ(Must(Share(temp_ / "outside/a")).first_name, "a");
  EXPECT_THAT(Listed(),
              ElementsAre("195", "a", "outside/a", "outside/sub/b", "sub/197", "sub/deep/196"));
  // Once more, with another file under one of the names.
  WriteFileAt(temp_ / "outside/a", "book A");
  WriteFileAt(temp_ / "outside/c", "book c");
  const Sharing::Shared again = Must(Share(temp_ / "outside"));
  EXPECT_EQ(again.file_count, 2U);
  EXPECT_EQ(again.first_name, "outside/c");
  EXPECT_THAT(Refused(again), ElementsAre("a: NAME_TAKEN"));
  EXPECT_EQ(ReasonOf(Share(temp_ / "outside/a").status()), "NAME_TAKEN");
  WriteFileAt(temp_ / "outside/a", "book a");
  EXPECT_EQ(Must(Share(temp_ / "outside/a")).first_name, "a");
}

TEST_F(SharingTest, TheSharedFolderIsNotCopiedIntoItself) {
  Must(sharing_->Unshare("195"));
  Must(sharing_->Unshare("sub/197"));
  ASSERT_THAT(Listed(), ElementsAre("195?", "sub/197?", "sub/deep/196"));
  const uint64_t number = library().FindPath("sub/deep/196")->record.number;
  const Sharing::Shared shared = Must(Share(temp_ / "books"));
  EXPECT_EQ(shared.first_name, "195");
  EXPECT_EQ(shared.file_count, 3U);
  EXPECT_THAT(Listed(), ElementsAre("195", "sub/197", "sub/deep/196"));
  EXPECT_EQ(library().FindPath("sub/deep/196")->record.number, number);
  EXPECT_THAT(NamesIn(temp_ / "books"), ElementsAre("195", "sub"));
}

TEST_F(SharingTest, AFolderInsideIsSharedWithAllItsFiles) {
  for (const char* name : {"195", "sub/deep/196", "sub/197"}) Must(sharing_->Unshare(name));
  const Sharing::Shared shared = Must(Share(temp_ / "books/sub"));
  EXPECT_EQ(shared.first_name, "sub/197");
  EXPECT_EQ(shared.file_count, 2U);
  EXPECT_THAT(Listed(), ElementsAre("195?", "sub/197", "sub/deep/196"));
  Must(Share(temp_ / "books/195"));
  EXPECT_THAT(Listed(), ElementsAre("195", "sub/197", "sub/deep/196"));
}

TEST_F(SharingTest, AFolderThatContainsTheSharedOneIsCopiedWithoutIt) {
  WriteFileAt(temp_ / "198", "a fourth");
  WriteFileAt(temp_ / "books of others/199", "a fifth");
  const std::string above = temp_.path().substr(temp_.path().rfind('/') + 1);
  EXPECT_EQ(Must(Share(temp_.path())).file_count, 2U);
  EXPECT_THAT(NamesIn(temp_ / "books"), ElementsAre("195", above, "sub"));
  EXPECT_THAT(NamesIn(temp_ / "books/" + above), ElementsAre("198", "books of others"));
}

TEST_F(SharingTest, WhatCannotBeSharedKeepsNothingElseOut) {
  WriteFileAt(temp_ / "outside/1", "one");
  WriteFileAt(temp_ / "outside/2-caf\xe9", "not UTF-8");
  WriteFileAt(temp_ / "outside/3", "three");
  ASSERT_EQ(::symlink("3", (temp_ / "outside/4").c_str()), 0);
  const Sharing::Shared shared = Must(Share(temp_ / "outside"));
  EXPECT_EQ(shared.file_count, 2U);
  EXPECT_EQ(shared.refused_count, 2U);
  EXPECT_THAT(Refused(shared), ElementsAre("2-caf\xe9: INVALID_NAME", "4: INVALID_FIELD"));
  EXPECT_THAT(Listed(), ElementsAre("195", "outside/1", "outside/3", "sub/197", "sub/deep/196"));
}

TEST_F(SharingTest, AFolderIsUnsharedAndSharedAgain) {
  Must(sharing_->Unshare("sub"));
  EXPECT_THAT(Listed(), ElementsAre("195", "sub/197?", "sub/deep/196?"));
  const absl::Status inside = Share(temp_ / "books/sub/197").status();
  EXPECT_THAT(std::string(inside.message()), HasSubstr("a folder above it is unshared"));
  EXPECT_EQ(Must(Share(temp_ / "books/sub")).file_count, 2U);
  EXPECT_THAT(Listed(), ElementsAre("195", "sub/197", "sub/deep/196"));
  EXPECT_EQ(ReasonOf(sharing_->Unshare("never")), "BOOK_NOT_FOUND");
}

TEST_F(SharingTest, AFolderInsideNamesTheFilesThatCannotBeShared) {
  WriteFileAt(temp_ / "books/sub/line\nbreak", "no book");
  Must(sharing_->Unshare("sub/197"));
  const Sharing::Shared shared = Must(Share(temp_ / "books/sub"));
  EXPECT_EQ(shared.file_count, 2U);
  EXPECT_THAT(Refused(shared), ElementsAre("line\nbreak: INVALID_FIELD"));
  EXPECT_THAT(Listed(), ElementsAre("195", "sub/197", "sub/deep/196", "sub/line\nbreak?"));
}

TEST_F(SharingTest, ThePeersOwnStateIsNotShared) {
  const std::vector<std::string> before = Listed();
  EXPECT_EQ(ReasonOf(Share(temp_ / "books/.arkshare").status()), "INVALID_NAME");
  EXPECT_EQ(ReasonOf(Share(temp_ / "books/.arkshare/staging").status()), "INVALID_NAME");
  WriteFileAt(temp_ / "books/empty/.hidden", "hidden");
  EXPECT_EQ(ReasonOf(Share(temp_ / "books/empty").status()), "FILE_NOT_FOUND");
  EXPECT_EQ(Listed(), before);
}

}  // namespace
}  // namespace arkshare
