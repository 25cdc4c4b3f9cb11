// A kill loses nothing of the page cache, so kill tests cannot prove that anything is synced. This
// proves it from a record of every file operation of both peers: what is promised is durable before
// it is promised.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "tests/chaos/move_order.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/file_ops.h"
#include "tests/support/files.h"

namespace arkshare {
namespace {

// One move, recorded from its first step.
struct Recorded {
  std::vector<FileOp> ops;
  std::string source, receiver;
};

Recorded RecordMove(uint64_t size) {
  Cluster cluster;
  const std::string book = BookBytes(size, 9);
  WriteBook(cluster.Books("s"), "195", book);
  EXPECT_TRUE(Ok(cluster.Start()));
  PeerOptions options;
  options.env = RecordFileOps(cluster.path() + "/ops");
  EXPECT_TRUE(Ok(cluster.StartPeer("s", options)));
  EXPECT_TRUE(Ok(cluster.StartPeer("r", options)));
  EXPECT_TRUE(cluster.WaitForHolders(ContentOf(book), {"s"}));
  const size_t before = ReadFileOps(cluster.path() + "/ops").size();
  EXPECT_TRUE(Ok(cluster.Get("r", "195")));
  EXPECT_TRUE(EndsWith(cluster, {{book, {"r"}}}));
  Recorded recorded{ReadFileOps(cluster.path() + "/ops"),
                    std::filesystem::canonical(cluster.Books("s")),
                    std::filesystem::canonical(cluster.Books("r"))};
  recorded.ops.erase(recorded.ops.begin(), recorded.ops.begin() + static_cast<ptrdiff_t>(before));
  return recorded;
}

std::string Check(const Recorded& recorded) {
  return CheckMoveOrder(recorded.ops, recorded.source, recorded.receiver, "195").missing;
}

std::string Lines(const Recorded& recorded) {
  std::string out;
  for (const FileOp& op : recorded.ops) {
    absl::StrAppend(&out, op.thread, " ", op.operation, " ", op.path, " ", op.new_path, " ",
                    op.error, "\n");
  }
  return out;
}

class MoveOrderTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (recorded_.ops.empty()) recorded_ = RecordMove(3'000'000);
  }
  static inline Recorded recorded_;
};

TEST_F(MoveOrderTest, WhatIsPromisedIsDurable) {
  EXPECT_EQ(Check(recorded_), "") << Lines(recorded_);
}

TEST_F(MoveOrderTest, WhatIsPromisedOfAnEmptyBookIsDurable) {
  const Recorded recorded = RecordMove(0);
  EXPECT_EQ(Check(recorded), "") << Lines(recorded);
}

TEST(ManyMovesOrderTest, WhatIsPromisedOfEachOfManyBooksIsDurable) {
  Cluster cluster;
  std::vector<std::string> names;
  std::vector<Ending> endings;
  for (int i = 0; i < 20; ++i) {
    names.push_back(absl::StrCat("book", 10 + i));
    endings.push_back({BookBytes(50'000, static_cast<uint32_t>(i)), {"r"}});
    WriteBook(cluster.Books("s"), names.back(), endings.back().bytes);
  }
  ASSERT_TRUE(Ok(cluster.Start()));
  PeerOptions options;
  options.env = RecordFileOps(cluster.path() + "/ops");
  ASSERT_TRUE(Ok(cluster.StartPeer("s", options)));
  ASSERT_TRUE(Ok(cluster.StartPeer("r", options)));
  for (const Ending& ending : endings) {
    ASSERT_TRUE(cluster.WaitForHolders(ContentOf(ending.bytes), {"s"}));
  }
  const size_t before = ReadFileOps(cluster.path() + "/ops").size();
  absl::StatusOr<Finished> got = RunCli({"--peer", cluster.peer("r").control(), "get", "--from",
                                         absl::StrCat(cluster.IdOf("s")), "--all"});
  ASSERT_TRUE(Ok(got));
  ASSERT_EQ(got->exit, ExitStatus{}) << got->log;
  ASSERT_TRUE(EndsWith(cluster, endings));
  std::vector<FileOp> ops = ReadFileOps(cluster.path() + "/ops");
  ops.erase(ops.begin(), ops.begin() + static_cast<ptrdiff_t>(before));
  const std::string source = std::filesystem::canonical(cluster.Books("s"));
  const std::string receiver = std::filesystem::canonical(cluster.Books("r"));
  for (const std::string& name : names) {
    EXPECT_EQ(CheckMoveOrder(ops, source, receiver, name).missing, "") << name;
  }
  // And what could be shared was: fewer syncs of folders than books.
  const auto syncs = std::count_if(ops.begin(), ops.end(), [&](const FileOp& op) {
    return op.operation == "sync" && op.path == receiver;
  });
  EXPECT_LT(syncs, 20);
}

// --- The checker finds what is planted ---

struct Mistake {
  const char* name;
  std::function<void(std::vector<FileOp>& ops, std::map<std::string, size_t> at)> plant;
};

void Remove(std::vector<FileOp>& ops, size_t at) {
  ops.erase(ops.begin() + static_cast<ptrdiff_t>(at));
}
// Moves the operation at `from` to `to`; the others keep their order.
void MoveTo(std::vector<FileOp>& ops, size_t from, size_t to) {
  const FileOp op = ops[from];
  ops.erase(ops.begin() + static_cast<ptrdiff_t>(from));
  ops.insert(ops.begin() + static_cast<ptrdiff_t>(to), op);
}

const Mistake kMistakes[] = {
    {"StagedFileNotSynced", [](auto& ops, auto at) { Remove(ops, at["the book is synced"]); }},
    {"StagedFileSyncedBeforeItsLastWrite",
     [](auto& ops, auto at) { MoveTo(ops, at["the book is synced"], at["the book is written"]); }},
    {"NotBroughtNear", [](auto& ops, auto at) { Remove(ops, at["the book is brought near"]); }},
    {"BroughtNearAfterPrepared",
     [](auto& ops, auto at) {
       MoveTo(ops, at["the book is brought near"], at["PREPARED is recorded"]);
     }},
    {"ItsNameNotSynced", [](auto& ops, auto at) { Remove(ops, at["its name there is synced"]); }},
    {"SyncThatFailed", [](auto& ops, auto at) { ops[at["its name there is synced"]].error = 5; }},
    {"PreparedBeforeTheSync",
     [](auto& ops, auto at) { MoveTo(ops, at["the book is synced"], at["PREPARED is recorded"]); }},
    {"PreparedNotSynced", [](auto& ops, auto at) { Remove(ops, at["PREPARED is recorded"]); }},
    {"HiddenBeforePrepared",
     [](auto& ops, auto at) {
       MoveTo(ops, at["the file is hidden"], at["its name there is synced"]);
     }},
    {"NeverHidden", [](auto& ops, auto at) { Remove(ops, at["the file is hidden"]); }},
    {"ReleasedFolderNotSynced", [](auto& ops, auto at) { Remove(ops, at["released is synced"]); }},
    {"SourceFolderNotSynced",
     [](auto& ops, auto at) { Remove(ops, at["the source's folder is synced"]); }},
    {"CommitBeforeTheSync",
     [](auto& ops, auto at) {
       MoveTo(ops, at["the source's folder is synced"], at["RELEASED is recorded"]);
     }},
    {"CommitBeforeTheRename",
     [](auto& ops, auto at) { MoveTo(ops, at["the file is hidden"], at["RELEASED is recorded"]); }},
    {"CommitNotSynced", [](auto& ops, auto at) { Remove(ops, at["RELEASED is recorded"]); }},
    {"OwnedNotSynced", [](auto& ops, auto at) { Remove(ops, at["OWNED is recorded"]); }},
    {"AdmittedBeforeOwned",
     [](auto& ops, auto at) {
       MoveTo(ops, at["the book enters the library"], at["OWNED is recorded"]);
     }},
    {"ReceiverFolderNotSynced",
     [](auto& ops, auto at) { Remove(ops, at["the receiver's folder is synced"]); }},
    {"ConfirmedBeforeTheSync",
     [](auto& ops, auto at) {
       MoveTo(ops, at["the receiver's folder is synced"], at["the hidden copy is unlinked"]);
     }},
    {"UnlinkedTooEarly",
     [](auto& ops, auto at) {
       MoveTo(ops, at["the hidden copy is unlinked"], at["OWNED is recorded"]);
     }},
    {"UnlinkNotSynced", [](auto& ops, auto at) { Remove(ops, at["released is synced again"]); }},
    {"GoneBeforeTheUnlink",
     [](auto& ops, auto at) {
       MoveTo(ops, at["the hidden copy is unlinked"], at["GONE is recorded"]);
     }},
    {"GoneNotRecorded",
     [](auto& ops, auto at) {
       ops.erase(ops.begin() + static_cast<ptrdiff_t>(at["released is synced again"]) + 1,
                 ops.end());
     }},
};

class MistakeTest : public MoveOrderTest, public testing::WithParamInterface<Mistake> {};

TEST_P(MistakeTest, IsFound) {
  Recorded doctored = recorded_;
  const MoveOrder order = CheckMoveOrder(doctored.ops, doctored.source, doctored.receiver, "195");
  ASSERT_EQ(order.missing, "");
  GetParam().plant(doctored.ops, order.at);
  ASSERT_NE(doctored.ops, recorded_.ops);
  EXPECT_NE(Check(doctored), "");
}

INSTANTIATE_TEST_SUITE_P(Planted, MistakeTest, testing::ValuesIn(kMistakes),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace arkshare
