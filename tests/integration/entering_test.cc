// A received book enters the receiver's folder, or is refused before its source gives it away; and
// downloads that are ended.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>

#include "lib/core/byte_size.h"
#include "lib/core/errors.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kBook = BookBytes(300'000, 195);

// Mounts that only this process and its children see. False: this process may not mount.
bool OwnMounts() {
  static const bool own = ::unshare(CLONE_NEWNS) == 0 &&
                          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return own;
}

class EnteringTest : public testing::Test {
 protected:
  ~EnteringTest() override {
    for (const std::string& mount : mounts_) ::umount2(mount.c_str(), MNT_DETACH);
  }
  // "s" shares the book as `name`.
  void Start(const std::string& name, const std::string& book, const PeerOptions& source = {}) {
    WriteBook(cluster_.Books("s"), name, book);
    ASSERT_TRUE(Ok(cluster_.Start()));
    ASSERT_TRUE(Ok(cluster_.StartPeer("s", source)));
    ASSERT_TRUE(Ok(cluster_.StartPeer("r")));
    ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(book), {"s"}));
  }
  void ExpectRefused(const std::string& name, const std::string& words) {
    const absl::Status refused = cluster_.Get("r", name).status();
    EXPECT_EQ(GetReason(refused), Reason::kPlaceUnusable) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(words));
    EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"s"}}}));
    cluster_.peer("r").process().Kill();
    EXPECT_TRUE(Ok(cluster_.peer("r").Restart()));
  }
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(grpc::Status (v1::PeerService::Stub::*method)(grpc::ClientContext*,
                                                                              const Request&,
                                                                              Response*),
                                const std::string& transfer_id) {
    grpc::ClientContext context;
    Request request;
    request.add_transfer_ids(transfer_id);
    Response response;
    const grpc::Status status =
        (cluster_.peer("r").control_stub().*method)(&context, request, &response);
    if (!status.ok()) return absl::UnavailableError(status.error_message());
    return response;
  }
  Reason Cancel(const std::string& id) {
    const auto response = Call(&v1::PeerService::Stub::CancelTransfers, id);
    EXPECT_TRUE(Ok(response));
    if (!response.ok() || response->results_size() != 1) return Reason::kInternal;
    return ReasonFromName(response->results(0).error().reason());
  }
  bool StagingIsEmpty() { return fs::is_empty(cluster_.Books("r") + "/.arkshare/staging"); }

  Cluster cluster_;
  std::vector<std::string> mounts_;
};

TEST_F(EnteringTest, ABookForAnotherDiskIsRefusedInWords) {
  if (!OwnMounts()) GTEST_SKIP() << "only root can mount";
  const std::string music = cluster_.Books("r") + "/music";
  fs::create_directory(music);
  ASSERT_EQ(::mount("tmpfs", music.c_str(), "tmpfs", 0, nullptr), 0);
  mounts_.push_back(music);
  ASSERT_NO_FATAL_FAILURE(Start("music/song", kBook));
  ExpectRefused("music/song", "music is on another disk");
}

TEST_F(EnteringTest, ABookBelowABindMountIsRefusedInWords) {
  if (!OwnMounts()) GTEST_SKIP() << "only root can mount";
  const std::string music = cluster_.Books("r") + "/music";
  const std::string other = cluster_.Folder("other");
  fs::create_directory(music);
  ASSERT_EQ(::mount(other.c_str(), music.c_str(), nullptr, MS_BIND, nullptr), 0);
  mounts_.push_back(music);
  ASSERT_NO_FATAL_FAILURE(Start("music/song", kBook));
  ExpectRefused("music/song", "music is on another disk");
}

TEST_F(EnteringTest, ABookWhoseFolderIsAFileIsRefusedInWordsAndComesUnderAnotherName) {
  WriteBook(cluster_.Books("r"), "music", "my notes");
  ASSERT_NO_FATAL_FAILURE(Start("music/song", kBook));
  ExpectRefused("music/song", "music is a file");
  ASSERT_TRUE(cluster_.WaitForHolders(ContentOf("my notes"), {"r"}));
  v1::FetchRequest wish = Wish("music/song");
  wish.set_save_as("song");
  ASSERT_TRUE(Ok(cluster_.Get("r", wish)));
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}, {"my notes", {"r"}}}));
}

TEST_F(EnteringTest, AMovedBookKeepsItsTimeAndItsPermissions) {
  const std::string small = cluster_.Books("s") + "/tool.sh";
  const std::string large_bytes = BookBytes(3 * kMiB, 7);
  WriteBook(cluster_.Books("s"), "tool.sh", "#!/bin/sh\n");
  WriteBook(cluster_.Books("s"), "large", large_bytes);
  const struct timespec times[2] = {{0, UTIME_OMIT}, {1'052'204'889, 0}};
  for (const char* name : {"/tool.sh", "/large"}) {
    const std::string path = cluster_.Books("s") + name;
    ASSERT_EQ(::chmod(path.c_str(), 0700), 0);
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  ASSERT_NO_FATAL_FAILURE(Start("195", kBook));
  ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(large_bytes), {"s"}));
  for (const char* name : {"tool.sh", "large"}) {
    ASSERT_TRUE(Ok(cluster_.Get("r", name)));
    struct stat st;
    ASSERT_EQ(::stat((cluster_.Books("r") + "/" + name).c_str(), &st), 0);
    EXPECT_EQ(st.st_mtim.tv_sec, 1'052'204'889) << name;
    EXPECT_EQ(st.st_mode & 0777U, 0700U) << name;
  }
  EXPECT_TRUE(EndsWith(cluster_, {{large_bytes, {"r"}}, {kBook, {"s"}}}));
}

TEST_F(EnteringTest, ADownloadIsCancelledAndItsRoomIsFree) {
  const std::string book = BookBytes(16 * kMiB, 4);
  PeerOptions source;
  source.args = {"--upload-limit", "1MiB/s"};
  ASSERT_NO_FATAL_FAILURE(Start("195", book, source));
  PendingFetch fetch(cluster_.peer("r"), Wish("195"));
  ASSERT_TRUE(
      fetch.WaitFor([](const v1::Transfer& transfer) { return transfer.bytes_done() > 0; }));
  const std::string id = fetch.last().transfer_id();
  EXPECT_EQ(Cancel(id), Reason::kUnspecified);
  EXPECT_TRUE(StagingIsEmpty());
  EXPECT_EQ(GetReason(fetch.Await().status()), Reason::kTransferCancelled);
  EXPECT_EQ(Cancel(id), Reason::kTransferNotEndable);
  EXPECT_TRUE(Ok(Call(&v1::PeerService::Stub::ForgetTransfers, id)));
  EXPECT_EQ(Cancel(id), Reason::kTransferUnknown);
  EXPECT_TRUE(EndsWith(cluster_, {{book, {"s"}}}));
}

TEST_F(EnteringTest, ABookThatIsEditedWhileItIsReceivedCanBeHadAgainByItsName) {
  const std::string old_book = BookBytes(16 * kMiB, 4);
  const std::string new_book = BookBytes(2 * kMiB, 5);
  PeerOptions source;
  source.args = {"--upload-limit", "4MiB/s"};
  ASSERT_NO_FATAL_FAILURE(Start("195", old_book, source));
  PendingFetch fetch(cluster_.peer("r"), Wish("195"));
  ASSERT_TRUE(fetch.WaitFor(
      [](const v1::Transfer& transfer) { return transfer.bytes_done() >= 2 * kMiB; }));
  WriteBook(cluster_.Books("s"), ".new", new_book);
  fs::rename(cluster_.Books("s") + "/.new", cluster_.Books("s") + "/195");
  EXPECT_FALSE(fetch.Await().ok());
  ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(new_book), {"s"}));
  ASSERT_TRUE(Ok(cluster_.Get("r", "195")));
  EXPECT_TRUE(ReadFile(cluster_.Books("r") + "/195") == new_book);
  EXPECT_TRUE(StagingIsEmpty());
  EXPECT_TRUE(EndsWith(cluster_, {{old_book, {}}, {new_book, {"r"}}}));
}

// Two empty books have one content; the one that was asked for moves.
TEST_F(EnteringTest, AMoveByNameTakesTheBookOfThatName) {
  WriteBook(cluster_.Books("s"), "b1-11", "");
  WriteBook(cluster_.Books("t"), "b2-5", "");
  ASSERT_TRUE(Ok(cluster_.Start()));
  for (const char* name : {"s", "t", "r"}) ASSERT_TRUE(Ok(cluster_.StartPeer(name)));
  ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(""), {"s", "t"}));
  ASSERT_TRUE(Ok(cluster_.Get("r", "b2-5")));
  EXPECT_TRUE(EndsWith(cluster_, {{"", {"r", "s"}}}));
  EXPECT_TRUE(fs::exists(cluster_.Books("s") + "/b1-11"));
  EXPECT_TRUE(fs::exists(cluster_.Books("r") + "/b2-5"));
}

}  // namespace
}  // namespace arkshare
