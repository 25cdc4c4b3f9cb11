// People change the shared folder while a peer shares it. The peer notices it soon and lists what
// is there; nothing outside of the folder is shared.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Much less than the minute after which everything is looked at again: what is seen within this
// time was noticed, not found.
constexpr absl::Duration kSoon = absl::Seconds(25);

class FolderTest : public testing::Test {
 protected:
  void StartWith(std::map<std::string, std::string> books, PeerOptions options = {}) {
    ASSERT_TRUE(Ok(cluster_.Start()));
    folder_ = cluster_.Books("p");
    for (const auto& [name, bytes] : books) WriteBook(folder_, name, bytes);
    ASSERT_TRUE(Ok(cluster_.StartPeer("p", std::move(options))));
    for (const auto& [name, bytes] : books) ASSERT_TRUE(IsListed(bytes));
  }
  testing::AssertionResult IsListed(const std::string& bytes) {
    return cluster_.WaitForHolders(ContentOf(bytes), {"p"}, kSoon);
  }
  testing::AssertionResult IsGone(const std::string& bytes) {
    return cluster_.WaitForHolders(ContentOf(bytes), {}, kSoon);
  }
  uint64_t Number(const std::string& name) {
    const auto entry = cluster_.Entry("p", name);
    return entry ? entry->listing().listing_number() : 0;
  }
  // Name as it is shown -> why it is not shared.
  std::map<std::string, std::string> Unshared() {
    grpc::ClientContext context;
    v1::ListLibraryResponse response;
    EXPECT_TRUE(cluster_.peer("p")
                    .control_stub()
                    .ListLibrary(&context, v1::ListLibraryRequest(), &response)
                    .ok());
    std::map<std::string, std::string> out;
    for (const v1::LibraryEntry& entry : response.entries()) {
      if (!entry.unshared_reason().empty()) out[entry.name()] = entry.unshared_reason();
    }
    return out;
  }
  absl::Status Download(const std::string& bytes) {
    grpc::ClientContext context;
    SetTimeout(context, kPatience);
    v1::DownloadRequest request;
    *request.mutable_content() = ToProto(ContentOf(bytes));
    auto reader = cluster_.peer("p").files().Download(&context, request);
    v1::DownloadResponse response;
    std::string got;
    while (reader->Read(&response)) got += response.chunk().data();
    const grpc::Status status = reader->Finish();
    if (!status.ok()) return FromGrpcStatus(status, "the peer");
    EXPECT_TRUE(got == bytes) << "whatever is served is the book";
    return absl::OkStatus();
  }
  void Restart() {
    ASSERT_TRUE(Ok(cluster_.peer("p").process().Stop()));
    ASSERT_NO_FATAL_FAILURE(StartAgain());
  }
  void StartAgain() {
    ASSERT_TRUE(Ok(cluster_.peer("p").Restart()));
    ASSERT_TRUE(Ok(cluster_.peer("p").WaitOnline()));
  }

  Cluster cluster_;
  std::string folder_;
};

TEST_F(FolderTest, FilesComeChangeAndGo) {
  ASSERT_NO_FATAL_FAILURE(StartWith({{"195", "first"}}));
  WriteBook(folder_, "sub/folder/196", "second");
  EXPECT_TRUE(IsListed("second"));
  WriteBook(folder_, "empty", "");
  EXPECT_TRUE(IsListed(""));
  WriteBook(folder_, "195", "first, changed");
  EXPECT_TRUE(IsListed("first, changed"));
  EXPECT_TRUE(IsGone("first"));
  fs::rename(folder_ + "/195", folder_ + "/sub/197");
  EXPECT_TRUE(cluster_.WaitListed("p", "sub/197", "first, changed"));
  EXPECT_TRUE(IsListed("first, changed"));
  EXPECT_FALSE(cluster_.Entry("p", "195"));
  fs::remove(folder_ + "/sub/folder/196");
  EXPECT_TRUE(IsGone("second"));
  EXPECT_TRUE(EndsWith(cluster_, {{"first, changed", {"p"}}, {"", {"p"}}, {"first", {}}}));
}

TEST_F(FolderTest, FoldersComeAreRenamedAndGo) {
  ASSERT_NO_FATAL_FAILURE(StartWith({{"195", "first"}}));
  WriteBook(cluster_.path(), "made elsewhere/a/1", "one");
  WriteBook(cluster_.path(), "made elsewhere/b/2", "two");
  fs::rename(cluster_.path() + "/made elsewhere", folder_ + "/moved in");
  EXPECT_TRUE(IsListed("one"));
  EXPECT_TRUE(IsListed("two"));
  fs::rename(folder_ + "/moved in", folder_ + "/renamed");
  EXPECT_TRUE(cluster_.WaitListed("p", "renamed/a/1", "one"));
  EXPECT_TRUE(cluster_.WaitListed("p", "renamed/b/2", "two"));
  // A file in a folder that came and was renamed is noticed too.
  WriteBook(folder_, "renamed/a/3", "three");
  EXPECT_TRUE(cluster_.WaitListed("p", "renamed/a/3", "three"));
  EXPECT_TRUE(EventuallyTrue([&] { return !cluster_.Entry("p", "moved in/a/1"); }));
  fs::rename(folder_ + "/renamed", cluster_.path() + "/moved out");
  EXPECT_TRUE(IsGone("one"));
  EXPECT_TRUE(IsGone("three"));
  // Changes outside are not ours, although the peer watched that folder once.
  WriteBook(cluster_.path(), "moved out/a/4", "four");
  WriteBook(folder_, "last", "last");
  EXPECT_TRUE(IsListed("last"));
  EXPECT_TRUE(EndsWith(cluster_, {{"first", {"p"}}, {"one", {}}, {"four", {}}, {"last", {"p"}}}));
}

TEST_F(FolderTest, AFileThatGrowsSlowlyIsListedWhenItIsWhole) {
  ASSERT_NO_FATAL_FAILURE(StartWith({{"195", "first"}}));
  std::ofstream file(folder_ + "/slow", std::ios::binary);
  std::string all;
  for (int i = 0; i < 20; ++i) {
    const std::string part = BookBytes(100'000, static_cast<uint32_t>(i));
    file << part << std::flush;
    all += part;
    // Something else comes and is listed meanwhile: the slow one does not hold it up.
    if (i % 5 == 0) {
      WriteBook(folder_, "other", absl::StrCat("other ", i));
      EXPECT_TRUE(IsListed(absl::StrCat("other ", i)));
    }
  }
  file.close();
  EXPECT_TRUE(IsListed(all));
  EXPECT_TRUE(EndsWith(cluster_, {{all, {"p"}}}));
}

TEST_F(FolderTest, EveryAppearanceIsANewListing) {
  ASSERT_NO_FATAL_FAILURE(StartWith({{"195", "the book"}}));
  std::set<uint64_t> numbers = {Number("195")};
  const auto expect_new = [&](const char* what) {
    EXPECT_TRUE(EventuallyTrue([&] {
      const uint64_t number = Number("195");
      return number != 0 && !numbers.contains(number);
    })) << what;
    EXPECT_TRUE(IsListed("the book"));
    numbers.insert(Number("195"));
  };
  fs::rename(folder_ + "/195", folder_ + "/196");
  ASSERT_TRUE(cluster_.WaitListed("p", "196", "the book"));
  ASSERT_TRUE(EventuallyTrue([&] { return !cluster_.Entry("p", "195"); }));
  fs::rename(folder_ + "/196", folder_ + "/195");
  expect_new("renamed there and back");
  fs::remove(folder_ + "/195");
  ASSERT_TRUE(IsGone("the book"));
  WriteBook(folder_, "195", "the book");
  expect_new("deleted and put back");
  WriteBook(folder_, "195", "another book");
  ASSERT_TRUE(IsListed("another book"));
  WriteBook(folder_, "195", "the book");
  expect_new("changed and changed back");
  EXPECT_TRUE(EndsWith(cluster_, {{"the book", {"p"}}}));
}

TEST_F(FolderTest, WhatHappenedWhileThePeerWasAway) {
  ASSERT_NO_FATAL_FAILURE(StartWith(
      {{"kept", "kept"}, {"changed", "before"}, {"deleted", "deleted"}, {"sub/renamed", "named"}}));
  const uint64_t kept = Number("kept");
  ASSERT_TRUE(Ok(cluster_.peer("p").process().Stop()));
  WriteBook(folder_, "changed", "after!");  // of the same size
  fs::remove(folder_ + "/deleted");
  fs::rename(folder_ + "/sub/renamed", folder_ + "/renamed");
  WriteBook(folder_, "new", "new");
  ASSERT_TRUE(Ok(cluster_.peer("p").Restart()));
  EXPECT_TRUE(EndsWith(cluster_, {{"kept", {"p"}},
                                  {"before", {}},
                                  {"after!", {"p"}},
                                  {"deleted", {}},
                                  {"named", {"p"}},
                                  {"new", {"p"}}}));
  EXPECT_EQ(Number("kept"), kept);
  EXPECT_FALSE(cluster_.Entry("p", "sub/renamed"));
}

// Bytes that a process has read so far, from files and everything else.
uint64_t BytesRead(pid_t pid) {
  std::ifstream io(absl::StrCat("/proc/", pid, "/io"));
  std::string key;
  uint64_t value = 0;
  while (io >> key >> value) {
    if (key == "rchar:") return value;
  }
  return 0;
}

TEST_F(FolderTest, ARestartHashesNothingAgain) {
  const std::string large = BookBytes(48 << 20, 1);
  ASSERT_NO_FATAL_FAILURE(StartWith({{"large", large}}));
  EXPECT_GE(BytesRead(cluster_.peer("p").process().pid()), large.size())
      << "the first time it does";
  ASSERT_NO_FATAL_FAILURE(Restart());
  EXPECT_TRUE(IsListed(large));
  const uint64_t read = BytesRead(cluster_.peer("p").process().pid());
  EXPECT_GT(read, 0u);
  EXPECT_LT(read, large.size() / 2);
}

TEST_F(FolderTest, AClosedTerminalEndsNoPeer) {
  ASSERT_NO_FATAL_FAILURE(StartWith({{"195", "the book"}}));
  for (int harmless : {SIGHUP, SIGPIPE, SIGXFSZ}) {
    ASSERT_TRUE(Ok(cluster_.peer("p").process().Signal(harmless)));
  }
  WriteBook(folder_, "196", "noticed by a peer that lives");
  EXPECT_TRUE(IsListed("noticed by a peer that lives"));
}

TEST_F(FolderTest, ARestoredFolderIsFoundAgain) {
  ASSERT_NO_FATAL_FAILURE(StartWith({{"195", "the book"}, {"196", "another"}}));
  const std::string backup = cluster_.path() + "/backup";
  ASSERT_TRUE(Ok(cluster_.peer("p").process().Stop()));
  fs::copy(folder_, backup, fs::copy_options::recursive);
  ASSERT_NO_FATAL_FAILURE(StartAgain());
  // These draw the numbers that the older ledger will draw again, and the index sees them go.
  for (int i = 0; i < 10; ++i) WriteBook(folder_, absl::StrCat("later ", i), absl::StrCat(i));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(IsListed(absl::StrCat(i)));
  for (int i = 0; i < 10; ++i) fs::remove(folder_ + absl::StrCat("/later ", i));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(IsGone(absl::StrCat(i)));
  ASSERT_TRUE(Ok(cluster_.peer("p").process().Stop()));
  fs::remove_all(folder_);
  fs::rename(backup, folder_);
  ASSERT_NO_FATAL_FAILURE(StartAgain());
  EXPECT_TRUE(IsListed("the book"));
  EXPECT_TRUE(IsListed("another"));
}

TEST_F(FolderTest, APrivateFolderStaysPrivateUnderAnotherName) {
  ASSERT_NO_FATAL_FAILURE(StartWith({{"private/diary", "secret"}, {"195", "the book"}}));
  const std::string control = cluster_.peer("p").control();
  ASSERT_EQ(RunCli({"--peer", control, "unshare", "private"})->exit, ExitStatus{});
  EXPECT_TRUE(IsGone("secret"));
  fs::rename(folder_ + "/private", folder_ + "/renamed");
  WriteBook(folder_, "196", "a sign that it was looked at");
  EXPECT_TRUE(IsListed("a sign that it was looked at"));
  EXPECT_TRUE(cluster_.HoldersOf(ContentOf("secret")).empty());
  ASSERT_EQ(RunCli({"--peer", control, "share", folder_ + "/renamed"})->exit, ExitStatus{});
  EXPECT_TRUE(IsListed("secret"));
}

TEST_F(FolderTest, UnsharedIsRemembered) {
  ASSERT_NO_FATAL_FAILURE(StartWith({{"195", "the book"}, {"196", "another"}}));
  const std::string control = cluster_.peer("p").control();
  ASSERT_EQ(RunCli({"--peer", control, "unshare", "195"})->exit, ExitStatus{});
  EXPECT_TRUE(IsGone("the book"));
  EXPECT_EQ(ReadFile(folder_ + "/195"), "the book");
  ASSERT_NO_FATAL_FAILURE(Restart());
  EXPECT_TRUE(IsListed("another"));
  EXPECT_TRUE(cluster_.HoldersOf(ContentOf("the book")).empty());
  EXPECT_THAT(Unshared(), testing::Contains(testing::Pair("195", HasSubstr("unshared"))));
  EXPECT_EQ(GetReason(Download("the book")), Reason::kBookGone);
  // Not even when it changes.
  WriteBook(folder_, "195", "a new one");
  WriteBook(folder_, "197", "a sign that it was looked at");
  EXPECT_TRUE(IsListed("a sign that it was looked at"));
  EXPECT_TRUE(cluster_.HoldersOf(ContentOf("a new one")).empty());
  EXPECT_EQ(RunCli({"--peer", control, "unshare", "no such book"})->exit.code, 3);
  ASSERT_EQ(RunCli({"--peer", control, "share", folder_ + "/195"})->exit, ExitStatus{});
  EXPECT_TRUE(IsListed("a new one"));
  ASSERT_NO_FATAL_FAILURE(Restart());
  EXPECT_TRUE(EndsWith(cluster_, {{"a new one", {"p"}}, {"another", {"p"}}}));
}

TEST_F(FolderTest, SharePutsFilesIn) {
  ASSERT_NO_FATAL_FAILURE(StartWith({}));
  WriteBook(cluster_.path(), "outside/a", "book a");
  WriteBook(cluster_.path(), "outside/sub/b", "book b");
  WriteBook(cluster_.path(), "outside/.hidden", "hidden");
  fs::create_symlink("/etc/passwd", cluster_.path() + "/outside/link");
  const std::string control = cluster_.peer("p").control();
  absl::StatusOr<Finished> shared =
      RunCli({"--peer", control, "share", cluster_.path() + "/outside"});
  ASSERT_TRUE(Ok(shared));
  EXPECT_EQ(shared->exit.code, 2) << "not all of it is shared";
  EXPECT_THAT(shared->log, HasSubstr("outside/link: a symbolic link"));
  EXPECT_TRUE(IsListed("book a"));
  EXPECT_TRUE(IsListed("book b"));
  EXPECT_EQ(ReadFolder(folder_).size(), 2u);
  EXPECT_EQ(ReadFile(cluster_.path() + "/outside/a"), "book a") << "a copy, not a move";
  struct stat st;
  ASSERT_EQ(stat((folder_ + "/outside/a").c_str(), &st), 0);
  EXPECT_EQ(st.st_nlink, 1u) << "never a hard link";
  // The same again is shared already; another content has a name that is taken. Nothing is
  // overwritten.
  EXPECT_EQ(RunCli({"--peer", control, "share", cluster_.path() + "/outside/a"})->exit.code, 0);
  EXPECT_EQ(RunCli({"--peer", control, "share", cluster_.path() + "/outside/a"})->exit.code, 0);
  WriteBook(cluster_.path(), "outside/a", "another book a");
  EXPECT_EQ(RunCli({"--peer", control, "share", cluster_.path() + "/outside/a"})->exit.code, 1);
  EXPECT_EQ(ReadFile(folder_ + "/a"), "book a");
  EXPECT_EQ(RunCli({"--peer", control, "share", cluster_.path() + "/nowhere"})->exit.code, 3);
  EXPECT_TRUE(EndsWith(cluster_, {{"book b", {"p"}}, {"hidden", {}}}));
}

TEST_F(FolderTest, SharedIsListedAtOnce) {
  ASSERT_NO_FATAL_FAILURE(StartWith({}));
  // Small, so that share comes to look at it before it has settled.
  WriteBook(cluster_.path(), "outside", "outside");
  WriteBook(folder_, "inside", "inside");
  const std::string control = cluster_.peer("p").control();
  for (const std::string& path : {cluster_.path() + "/outside", folder_ + "/inside"}) {
    const auto shared = RunCli({"--peer", control, "share", path});
    ASSERT_TRUE(Ok(shared));
    EXPECT_EQ(shared->exit, ExitStatus{}) << shared->log;
  }
  EXPECT_NE(Number("outside"), 0u);
  EXPECT_NE(Number("inside"), 0u);
}

TEST_F(FolderTest, ASharedFileIsOneListing) {
  ASSERT_NO_FATAL_FAILURE(StartWith({}));
  const std::string large = BookBytes(20 << 20, 3);
  WriteBook(cluster_.path(), "large", large);
  ASSERT_EQ(
      RunCli({"--peer", cluster_.peer("p").control(), "share", cluster_.path() + "/large"})->exit,
      ExitStatus{});
  const uint64_t number = Number("large");
  EXPECT_NE(number, 0u);
  WriteBook(folder_, "later", "later");
  EXPECT_TRUE(IsListed("later"));
  EXPECT_EQ(Number("large"), number) << "the watcher must not list it a second time";
}

TEST_F(FolderTest, NothingOutsideIsShared) {
  const std::string secret = "a secret outside";
  WriteBook(cluster_.path(), "secret/file", secret);
  ASSERT_NO_FATAL_FAILURE(StartWith({{"195", "the book"}, {"sub/196", "inside"}}));
  fs::create_symlink(cluster_.path() + "/secret/file", folder_ + "/to file");
  fs::create_directory_symlink(cluster_.path() + "/secret", folder_ + "/to folder");
  fs::create_symlink("../../secret/file", folder_ + "/sub/relative");
  fs::create_symlink("195", folder_ + "/to the book");
  fs::create_symlink("nowhere", folder_ + "/dangling");
  fs::create_symlink("loop", folder_ + "/loop");
  ASSERT_EQ(mkfifo((folder_ + "/fifo").c_str(), 0600), 0);
  WriteBook(folder_, "last", "last");
  EXPECT_TRUE(IsListed("last"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(EventuallyTrue([&] { return Unshared().size() == 7; }));
    for (const auto& [name, reason] : Unshared()) {
      EXPECT_THAT(reason, HasSubstr(name == "fifo" ? "not a regular file" : "symbolic link"))
          << name;
    }
    EXPECT_TRUE(cluster_.HoldersOf(ContentOf(secret)).empty());
    EXPECT_EQ(GetReason(Download(secret)), Reason::kBookGone);
    ASSERT_NO_FATAL_FAILURE(Restart());
  }
  // A book, or the folder of one, becomes a link that leads outside: the old name leads nowhere.
  fs::remove(folder_ + "/195");
  fs::create_symlink(cluster_.path() + "/secret/file", folder_ + "/195");
  fs::rename(folder_ + "/sub", cluster_.path() + "/sub");
  fs::create_directory_symlink(cluster_.path() + "/sub", folder_ + "/sub");
  EXPECT_FALSE(Download("the book").ok());
  EXPECT_FALSE(Download("inside").ok());
  EXPECT_TRUE(IsGone("the book"));
  EXPECT_TRUE(IsGone("inside"));
  EXPECT_TRUE(cluster_.HoldersOf(ContentOf(secret)).empty());
}

TEST_F(FolderTest, BadNamesAreListedLocallyWithTheReason) {
  ASSERT_NO_FATAL_FAILURE(StartWith({{"195", "the book"}}));
  const std::vector<std::string> names = {
      "not utf-8 \xff", "control \x07", "bidi \xe2\x80\xae",     "back\\slash",
      "line\nbreak",    "del \x7f",     "surrogate \xed\xa0\x80"};
  for (const std::string& name : names) WriteBook(folder_, name, "in " + name);
  // Too long as a whole, though each part could be.
  std::string deep = folder_;
  for (int i = 0; i < 5; ++i) {
    deep += "/" + std::string(230, static_cast<char>('a' + i));
    fs::create_directory(deep);
  }
  WriteBook(deep, "file", "deep");
  WriteBook(folder_, ".hidden", "hidden");
  WriteBook(folder_, ".folder/file", "in a hidden folder");
  WriteBook(folder_, "last", "last");
  EXPECT_TRUE(IsListed("last"));
  EXPECT_TRUE(EventuallyTrue([&] { return Unshared().size() == names.size() + 1; }))
      << testing::PrintToString(Unshared());
  for (const auto& [name, reason] : Unshared()) {
    EXPECT_FALSE(reason.empty());
    EXPECT_EQ(EscapeForDisplay(name), name) << "shown so that it can be printed";
  }
  for (const std::string& name : names) {
    EXPECT_TRUE(cluster_.HoldersOf(ContentOf("in " + name)).empty()) << name;
  }
  for (const char* bytes : {"deep", "hidden", "in a hidden folder"}) {
    EXPECT_TRUE(cluster_.HoldersOf(ContentOf(bytes)).empty()) << bytes;
  }
  absl::StatusOr<Finished> listed =
      RunCli({"--peer", cluster_.peer("p").control(), "--json", "ls"});
  ASSERT_TRUE(Ok(listed));
  EXPECT_EQ(listed->exit, ExitStatus{});
  EXPECT_EQ(listed->output.find('\x07'), std::string::npos);
  EXPECT_EQ(listed->output.find('\xff'), std::string::npos);
  // Mended, it is shared.
  fs::rename(folder_ + "/back\\slash", folder_ + "/forward");
  EXPECT_TRUE(IsListed("in back\\slash"));
}

TEST_F(FolderTest, TwoSpellingsOfOneName) {
  const std::string composed = "caf\xc3\xa9", decomposed = "cafe\xcc\x81";
  ASSERT_NO_FATAL_FAILURE(StartWith({{composed, "composed"}}));
  WriteBook(folder_, decomposed, "decomposed");
  EXPECT_TRUE(EventuallyTrue([&] { return Unshared().size() == 1; }));
  EXPECT_THAT(Unshared().begin()->second, HasSubstr("NFC"));
  EXPECT_TRUE(cluster_.HoldersOf(ContentOf("decomposed")).empty());
  // A file whose name is not in NFC is still a book if no other file has that name in NFC, and can
  // move.
  fs::remove(folder_ + "/" + composed);
  EXPECT_TRUE(IsGone("composed"));
  fs::rename(folder_ + "/" + decomposed, folder_ + "/e\xcc\x81t\xc3\xa9");
  EXPECT_TRUE(IsListed("decomposed"));
  ASSERT_TRUE(Ok(cluster_.StartPeer("r")));
  EXPECT_TRUE(Ok(cluster_.Get("r", "\xc3\xa9t\xc3\xa9")));
  EXPECT_TRUE(EndsWith(cluster_, {{"decomposed", {"r"}}}));
}

TEST_F(FolderTest, MaxBooks) {
  PeerOptions options;
  options.args = {"--max-books", "2"};
  ASSERT_NO_FATAL_FAILURE(StartWith({{"a", "book a"}, {"b", "book b"}}, options));
  WriteBook(folder_, "c", "book c");
  EXPECT_TRUE(EventuallyTrue([&] { return Unshared().contains("c"); }));
  EXPECT_THAT(Unshared()["c"], HasSubstr("--max-books"));
  EXPECT_TRUE(cluster_.HoldersOf(ContentOf("book c")).empty());
  // A change of one that is listed needs no more room.
  WriteBook(folder_, "a", "book a, changed");
  EXPECT_TRUE(IsListed("book a, changed"));
}

TEST_F(FolderTest, MoreBooksThanFitIntoOneMessage) {
  std::map<std::string, std::string> books;
  for (int i = 0; i < 1100; ++i) {
    books[absl::StrCat("book ", i)] = absl::StrCat("content ", i);
  }
  ASSERT_TRUE(Ok(cluster_.Start()));
  folder_ = cluster_.Books("p");
  for (const auto& [name, bytes] : books) WriteBook(folder_, name, bytes);
  ASSERT_TRUE(Ok(cluster_.StartPeer("p")));
  const auto count = [&]() -> uint64_t {
    grpc::ClientContext context;
    v1::ListPeersResponse response;
    cluster_.index().stub().ListPeers(&context, v1::ListPeersRequest(), &response);
    return response.peers_size() == 1 ? response.peers(0).book_count() : 0;
  };
  EXPECT_TRUE(EventuallyTrue([&] { return count() == books.size(); })) << count();
  ASSERT_TRUE(Ok(cluster_.index().KillAndRestart()));
  EXPECT_TRUE(EventuallyTrue([&] { return count() == books.size(); })) << count();
  for (const auto& [name, bytes] : books) fs::remove(folder_ + "/" + name);
  EXPECT_TRUE(EventuallyTrue([&] { return count() == 0; })) << count();
}

// Numbers that a file had before its ledger was lost must not mean another book: a new ledger is a
// new peer.
TEST_F(FolderTest, TouchedButNotChanged) {
  ASSERT_NO_FATAL_FAILURE(StartWith({{"195", "the book"}}));
  const uint64_t number = Number("195");
  fs::last_write_time(folder_ + "/195",
                      fs::last_write_time(folder_ + "/195") + std::chrono::hours(1));
  EXPECT_TRUE(EventuallyTrue([&] { return Number("195") > number; }));
  EXPECT_TRUE(EndsWith(cluster_, {{"the book", {"p"}}}));
  EXPECT_TRUE(Ok(Download("the book")));
}

TEST_F(FolderTest, ACopyEndsWithTheCallerOfShare) {
  ASSERT_NO_FATAL_FAILURE(StartWith({{"195", "a book"}}));
  const std::string huge = cluster_.path() + "/huge";
  std::ofstream(huge).close();
  fs::resize_file(huge, uint64_t{64} << 30);  // sparse; no disk copies it before the caller leaves
  v1::PeerService::Stub& peer = cluster_.peer("p").control_stub();
  grpc::ClientContext context;
  std::thread caller([&] {
    v1::ShareRequest request;
    request.add_paths(huge);
    v1::ShareResponse response;
    EXPECT_EQ(peer.Share(&context, request, &response).error_code(), grpc::CANCELLED);
  });
  const auto copied = [&] {
    absl::StatusOr<v1::GetStatusResponse> status = cluster_.peer("p").GetStatus();
    if (!status.ok() || status->shares().empty()) return uint64_t{0};
    EXPECT_EQ(status->shares(0).path(), huge);
    EXPECT_EQ(status->shares(0).bytes_total(), uint64_t{64} << 30);
    return status->shares(0).bytes_done();
  };
  EXPECT_TRUE(EventuallyTrue([&] { return copied() > 0; }));
  const bool reflink = fs::exists(folder_ + "/huge");
  context.TryCancel();
  caller.join();
  if (reflink) GTEST_SKIP() << "copies take no time on this file system";
  EXPECT_TRUE(EventuallyTrue([&] {
    absl::StatusOr<v1::GetStatusResponse> status = cluster_.peer("p").GetStatus();
    return status.ok() && status->shares().empty();
  }));
  EXPECT_TRUE(fs::is_empty(folder_ + "/.arkshare/staging"));
  EXPECT_FALSE(fs::exists(folder_ + "/huge"));
}

}  // namespace
}  // namespace arkshare
