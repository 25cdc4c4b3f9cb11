// An index and five peers, driven by the CLI: the three cases of the menu's users, and names that
// mean several books.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "lib/core/errors.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/pause_point.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// The CLI as the owner of a peer runs it.
Finished Cli(Cluster& cluster, const std::string& peer, std::vector<std::string> arguments,
             const std::string& input = "") {
  arguments.insert(arguments.begin(), {"--peer", cluster.peer(peer).control()});
  absl::StatusOr<Finished> finished = RunCli(std::move(arguments), input);
  EXPECT_TRUE(Ok(finished));
  return finished.value_or(Finished{});
}

TEST(ReceivingTest, WithoutAnIndex) {
  Cluster cluster;
  ASSERT_TRUE(Ok(StartMove(cluster, "the book")));
  cluster.index().process().Kill();
  const Finished own = Cli(cluster, "s", {"get", "195"});
  EXPECT_THAT(own.output + own.log, HasSubstr("file already in your folder"));
  const Finished other = Cli(cluster, "r", {"get", "195"});
  EXPECT_EQ(other.exit.code, 4) << other.log;
  EXPECT_EQ(GetReason(cluster.Get("r", "195").status()), Reason::kIndexUnreachable);
  EXPECT_EQ(Cli(cluster, "r", {"search", "--name", "195"}).exit.code, 4);
  ASSERT_TRUE(Ok(cluster.index().KillAndRestart()));
  ASSERT_TRUE(cluster.WaitForHolders(ContentOf("the book"), {"s"}));
  EXPECT_EQ(Cli(cluster, "r", {"get", "195"}).exit, ExitStatus{});
  EXPECT_TRUE(EndsWith(cluster, {{"the book", {"r"}}}));
}

TEST(ReceivingTest, TheNameOfAnUnlistedFileIsTaken) {
  Cluster cluster;
  ASSERT_TRUE(Ok(StartMove(cluster, "the book")));
  fs::create_directory(cluster.Books("r") + "/195");
  EXPECT_EQ(GetReason(cluster.Get("r", "195").status()), Reason::kNameTaken);
  fs::remove(cluster.Books("r") + "/195");
  fs::create_symlink("/etc/passwd", cluster.Books("r") + "/195");
  EXPECT_EQ(GetReason(cluster.Get("r", "195").status()), Reason::kNameTaken);
  EXPECT_TRUE(fs::is_symlink(cluster.Books("r") + "/195"));
  fs::remove(cluster.Books("r") + "/195");
  EXPECT_TRUE(Ok(cluster.Get("r", "195")));
  EXPECT_TRUE(EndsWith(cluster, {{"the book", {"r"}}}));
}

// A symbolic link in the receiver's folder must not lead a received book out of it.
TEST(ReceivingTest, AReceivedBookStaysInTheFolder) {
  Cluster cluster;
  WriteBook(cluster.Books("s"), "sub/book", "the book");
  ASSERT_TRUE(Ok(StartMove(cluster, "another")));
  ASSERT_TRUE(cluster.WaitForHolders(ContentOf("the book"), {"s"}));
  const std::string outside = cluster.path() + "/outside";
  fs::create_directory(outside);
  fs::create_directory_symlink(outside, cluster.Books("r") + "/sub");
  PendingFetch fetch(cluster.peer("r"), Wish("sub/book"));
  // It is refused, or waits until a person removes the link: it is not outside, and not lost.
  EXPECT_FALSE(Ok(fetch.Await(absl::Seconds(2))));
  EXPECT_TRUE(fs::is_empty(outside));
  fs::remove(cluster.Books("r") + "/sub");
  absl::StatusOr<v1::Transfer> transfer = fetch.Await();
  EXPECT_TRUE(EndsWith(cluster, {{"the book", {transfer.ok() ? "r" : "s"}}}));
}

TEST(ReceivingTest, NamesThatCannotBe) {
  Cluster cluster;
  ASSERT_TRUE(Ok(StartMove(cluster, "the book")));
  for (const std::string& name :
       {std::string("../x"), std::string("/etc/passwd"), std::string("a/../../x"),
        std::string("a\0b", 3), std::string("a\nb"),
        std::string("a\xe2\x80\xae"
                    "b"),
        std::string(".arkshare/key"), std::string(".ARKSHARE/x"), std::string("a//b"),
        std::string("a\\b"), std::string(256, 'x'), std::string("\xff\xfe"), std::string("..")}) {
    v1::FetchRequest wish = Wish("195");
    wish.set_save_as(name);
    const absl::Status refused = cluster.Get("r", wish).status();
    if (name.find('\xff') == std::string::npos) {
      EXPECT_EQ(GetReason(refused), Reason::kInvalidName) << name << " " << refused;
      EXPECT_EQ(GetReason(cluster.Get("r", Wish(name)).status()), Reason::kInvalidName) << name;
    } else {
      EXPECT_FALSE(refused.ok());
    }
  }
  EXPECT_EQ(Cli(cluster, "r", {"get", "../x"}).exit.code, 2);
  EXPECT_EQ(Cli(cluster, "r", {"get", "195", "--as", "/etc/passwd"}).exit.code, 2);
  EXPECT_EQ(Cli(cluster, "r", {"get", "195", "--from", "99"}).exit.code, 3);
  EXPECT_TRUE(EndsWith(cluster, {{"the book", {"s"}}}));
}

// At "r" was another book of that name once: unshared, and deleted by hand since.
void UnshareAndDelete(Cluster& cluster, const std::string& name) {
  WriteBook(cluster.Books("r"), name, "an old one");
  EXPECT_TRUE(cluster.WaitListed("r", name, "an old one"));
  EXPECT_EQ(Cli(cluster, "r", {"unshare", name}).exit, ExitStatus{});
  fs::remove(cluster.Books("r") + "/" + name);
}

TEST(ReceivingTest, ANameThatWasUnsharedOnceIsSharedAgain) {
  Cluster cluster;
  ASSERT_TRUE(Ok(StartMove(cluster, "the book")));
  UnshareAndDelete(cluster, "195");
  EXPECT_TRUE(Ok(cluster.Get("r", "195")));
  EXPECT_TRUE(EndsWith(cluster, {{"the book", {"r"}}}));
  cluster.peer("r").process().Kill();
  ASSERT_TRUE(Ok(cluster.peer("r").Restart()));
  EXPECT_TRUE(EndsWith(cluster, {{"the book", {"r"}}}));
}

TEST(ReceivingTest, ANameThatWasUnsharedOnceIsSharedAgainAfterACrash) {
  for (const char* failpoint : {"receiver.owned", "receiver.admitted"}) {
    Cluster cluster;
    ASSERT_TRUE(Ok(StartMove(cluster, "the book", "", absl::StrCat(failpoint, "=kill"))));
    UnshareAndDelete(cluster, "195");
    PendingFetch fetch(cluster.peer("r"), Wish("195"));
    ASSERT_TRUE(Ok(cluster.peer("r").process().WaitExit())) << failpoint;
    ASSERT_TRUE(Ok(cluster.peer("r").Restart()));
    EXPECT_TRUE(EndsWith(cluster, {{"the book", {"r"}}})) << failpoint;
  }
}

// A file that has the name of a book on its way is not the source's book: it stays unshared, and so
// does its name. The next free name, unshared once as well, is shared again. Also after a crash.
TEST(ReceivingTest, WhatTheOwnerPutsBackMeanwhileStaysUnshared) {
  for (const char* then : {"", ";receiver.admitted=kill"}) {
    Cluster cluster;
    PausePoint prepared("receiver.prepared", cluster.path() + "/pause");
    ASSERT_TRUE(Ok(StartMove(cluster, "the book", "", prepared.Setting() + then)));
    UnshareAndDelete(cluster, "195");
    UnshareAndDelete(cluster, "195 (2)");
    PendingFetch fetch(cluster.peer("r"), Wish("195"));
    ASSERT_TRUE(Ok(prepared.WaitUntilReached()));
    WriteBook(cluster.Books("r"), "195", "an old one");
    ASSERT_TRUE(Ok(prepared.Resume()));
    if (*then == '\0') {
      EXPECT_TRUE(Ok(fetch.Await()));
      cluster.peer("r").process().Kill();
    } else {
      ASSERT_TRUE(Ok(cluster.peer("r").process().WaitExit()));
    }
    ASSERT_TRUE(Ok(cluster.peer("r").Restart()));
    EXPECT_TRUE(cluster.WaitListed("r", "195 (2)", "the book"));
    EXPECT_TRUE(cluster.WaitForHolders(ContentOf("the book"), {"r"}));
    EXPECT_TRUE(cluster.WaitForHolders(ContentOf("an old one"), {}));
  }
}

TEST(ReceivingTest, APeerOnlyLearnsOfItsOwnSocket) {
  Cluster cluster;
  ASSERT_TRUE(Ok(StartMove(cluster, "the book")));
  const fs::path socket = cluster.peer("s").control().substr(5);
  EXPECT_EQ(fs::status(socket).permissions() & (fs::perms::group_all | fs::perms::others_all),
            fs::perms::none);
  EXPECT_EQ(Cli(cluster, "s", {"status"}).exit, ExitStatus{});
  absl::StatusOr<Finished> absent =
      RunCli({"--peer", "unix:" + cluster.path() + "/absent.sock", "status"});
  ASSERT_TRUE(Ok(absent));
  EXPECT_EQ(absent->exit.code, 4) << absent->log;
}

}  // namespace
}  // namespace arkshare
