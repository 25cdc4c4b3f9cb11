// A received book enters the receiver's folder, or is refused before its source gives it away; and
// downloads that are ended.
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "lib/core/byte_size.h"
#include "lib/core/errors.h"
#include "lib/rpc/status.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/pause_point.h"

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

// Nothing can be made in this folder as long as it lives, not even by root.
class Unwritable {
 public:
  explicit Unwritable(const std::string& folder)
      : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    ok_ = ::geteuid() == 0 ? SetImmutable(true) : ::fchmod(fd_, 0555) == 0;
  }
  ~Unwritable() {
    if (ok_) ::geteuid() == 0 ? SetImmutable(false) : ::fchmod(fd_, 0755) == 0;
    ::close(fd_);
  }
  Unwritable(const Unwritable&) = delete;
  Unwritable& operator=(const Unwritable&) = delete;

  bool ok() const { return ok_; }

 private:
  bool SetImmutable(bool immutable) const {
    int flags = 0;
    if (::ioctl(fd_, FS_IOC_GETFLAGS, &flags) != 0) return false;
    flags = immutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    return ::ioctl(fd_, FS_IOC_SETFLAGS, &flags) == 0;
  }

  const int fd_;
  bool ok_ = false;
};

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
  void RestartReceiver(const std::string& failpoints) {
    cluster_.peer("r").process().Kill();
    ASSERT_TRUE(Ok(cluster_.peer("r").Restart(Cluster::Failpoints(failpoints))));
    ASSERT_TRUE(Ok(cluster_.peer("r").WaitOnline()));
  }
  // A person renames the folder of the book, and puts a file in its place.
  void ReplaceFolder() {
    fs::rename(cluster_.Books("r") + "/music", cluster_.Books("r") + "/musik");
    WriteBook(cluster_.Books("r"), "music", "my notes");
  }
  // Waits until the only transfer of "r" waits for a place.
  testing::AssertionResult WaitsForPlace(v1::Transfer* transfer) {
    const bool waits = EventuallyTrue([&] {
      grpc::ClientContext context;
      v1::ListTransfersResponse response;
      const grpc::Status status = cluster_.peer("r").control_stub().ListTransfers(
          &context, v1::ListTransfersRequest(), &response);
      if (!status.ok() || response.transfers().empty()) return false;
      *transfer = response.transfers(0);
      return transfer->waits_for_place();
    });
    if (waits) return testing::AssertionSuccess();
    return testing::AssertionFailure() << transfer->ShortDebugString();
  }
  Reason Place(const v1::Transfer& transfer, const std::string& name) {
    grpc::ClientContext context;
    v1::PlaceTransferRequest request;
    request.set_transfer_id(transfer.transfer_id());
    request.set_name(name);
    v1::PlaceTransferResponse response;
    const grpc::Status status =
        cluster_.peer("r").control_stub().PlaceTransfer(&context, request, &response);
    EXPECT_EQ(response.transfer().name(), status.ok() ? name : "");
    return GetReason(FromGrpcStatus(status, "the peer", Reason::kPeerUnreachable));
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

TEST_F(EnteringTest, ABookWhosePlaceBecameImpossibleIsNotTakenAndIsPlacedByItsOwner) {
  ASSERT_NO_FATAL_FAILURE(Start("music/song", kBook));
  PausePoint prepared("receiver.prepared", cluster_.path() + "/prepared");
  ASSERT_NO_FATAL_FAILURE(RestartReceiver(prepared.Setting()));
  {
    PendingFetch fetch(cluster_.peer("r"), Wish("music/song"));
    ASSERT_TRUE(Ok(prepared.WaitUntilReached()));
    cluster_.peer("r").process().Kill();
  }
  ReplaceFolder();
  ASSERT_TRUE(Ok(cluster_.peer("r").Restart()));
  v1::Transfer waiting;
  ASSERT_TRUE(WaitsForPlace(&waiting));
  EXPECT_THAT(waiting.message(), HasSubstr("music is a file"));
  EXPECT_TRUE(cluster_.WaitForHolders(ContentOf(kBook), {"s"})) << "its source has it still";
  EXPECT_EQ(ReadFile(cluster_.Books("s") + "/music/song"), kBook);

  EXPECT_EQ(Place(waiting, "../song"), Reason::kInvalidName);
  EXPECT_EQ(Place(waiting, "music"), Reason::kNameTaken);
  EXPECT_EQ(Place(waiting, "music/song"), Reason::kPlaceUnusable);
  EXPECT_EQ(Place(waiting, "musik/song"), Reason::kUnspecified);
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}, {"my notes", {"r"}}}));
  EXPECT_EQ(ReadFile(cluster_.Books("r") + "/musik/song"), kBook);
}

TEST_F(EnteringTest, AnOwnedBookThatCanEnterNowhereIsPlacedByItsOwner) {
  ASSERT_NO_FATAL_FAILURE(Start("music/song", kBook));
  PausePoint owned("receiver.owned", cluster_.path() + "/owned");
  ASSERT_NO_FATAL_FAILURE(RestartReceiver(owned.Setting()));
  PendingFetch fetch(cluster_.peer("r"), Wish("music/song"));
  ASSERT_TRUE(Ok(owned.WaitUntilReached()));
  ReplaceFolder();
  const Unwritable shared_folder(cluster_.Books("r"));
  if (!shared_folder.ok()) GTEST_SKIP() << "no folder can be made unwritable here";
  ASSERT_TRUE(Ok(owned.Resume()));
  v1::Transfer waiting;
  ASSERT_TRUE(WaitsForPlace(&waiting));
  EXPECT_EQ(Place(waiting, "song"), Reason::kPlaceUnusable);
  EXPECT_EQ(Place(waiting, "musik/song"), Reason::kUnspecified);
  EXPECT_TRUE(Ok(fetch.Await()));
  EXPECT_EQ(Place(waiting, "musik/other"), Reason::kTransferNotWaiting);
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}, {"my notes", {"r"}}}));
  EXPECT_EQ(ReadFile(cluster_.Books("r") + "/musik/song"), kBook);
}

// The folder of a book that another receiver has taken meanwhile.
TEST_F(EnteringTest, ABookThatIsGivenUpLeavesNoEmptyFolder) {
  ASSERT_NO_FATAL_FAILURE(Start("music/song", kBook));
  ASSERT_TRUE(Ok(cluster_.StartPeer("q")));
  PausePoint prepared("receiver.prepared", cluster_.path() + "/prepared");
  ASSERT_NO_FATAL_FAILURE(RestartReceiver(prepared.Setting()));
  PendingFetch fetch(cluster_.peer("r"), Wish("music/song"));
  ASSERT_TRUE(Ok(prepared.WaitUntilReached()));
  EXPECT_TRUE(fs::exists(cluster_.Books("r") + "/music"));
  ASSERT_TRUE(Ok(cluster_.Get("q", "music/song")));
  ASSERT_TRUE(Ok(prepared.Resume()));
  EXPECT_EQ(GetReason(fetch.Await().status()), Reason::kBookMoved);
  EXPECT_FALSE(fs::exists(cluster_.Books("r") + "/music"));
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"q"}}}));
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
