#include "services/peer/disk/beneath.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "services/peer/testing/must.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

// Runs each test twice: through openat2, and part by part.
class BeneathTest : public testing::TestWithParam<bool> {
 protected:
  BeneathTest() {
    DisableOpenat2ForTest(GetParam());
    WriteFileAt(outside_ / "secret", "secret");
    WriteFileAt(folder_ / "a/b/book", "book");
    root_ = UniqueFd(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~BeneathTest() override { DisableOpenat2ForTest(false); }

  absl::Status Open(const std::string& path, int flags = O_RDONLY | O_NONBLOCK) {
    return OpenBeneath(root_.get(), path, flags).status();
  }
  void Link(const std::string& to, const std::string& at) {
    ASSERT_EQ(::symlink(to.c_str(), (folder_ / at).c_str()), 0);
  }

  TempFolder outside_;
  TempFolder folder_;
  UniqueFd root_;
};

TEST_P(BeneathTest, OpensWhatIsThere) {
  const UniqueFd fd = Must(OpenBeneath(root_.get(), "a/b/book", O_RDONLY));
  char text[5] = {};
  ASSERT_EQ(::read(fd.get(), text, 4), 4);
  EXPECT_STREQ(text, "book");
  // A program that is started later must not inherit the descriptor.
  EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(Open(".", O_RDONLY | O_DIRECTORY).ok());
  EXPECT_TRUE(Open("a/b", O_RDONLY | O_DIRECTORY).ok());
}

TEST_P(BeneathTest, SaysWhatIsMissing) {
  EXPECT_TRUE(absl::IsNotFound(Open("none")));
  EXPECT_TRUE(absl::IsNotFound(Open("a/none")));
  EXPECT_TRUE(absl::IsNotFound(Open("none/book")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("a/b/book/more")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("a/b/book", O_RDONLY | O_DIRECTORY)));
}

TEST_P(BeneathTest, NoPathLeavesTheFolder) {
  const std::string other = outside_.path().substr(outside_.path().rfind('/') + 1);
  EXPECT_TRUE(absl::IsInvalidArgument(Open("..")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("../" + other + "/secret")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("a/../../" + other + "/secret")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open(outside_ / "secret")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("/etc/passwd")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("//etc/passwd")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open(std::string("a\0/../..", 8))));
}

TEST_P(BeneathTest, FollowsNoSymlink) {
  Link(outside_ / "secret", "end");
  Link(outside_.path(), "way");
  Link("a/b/book", "inside");
  Link("b", "a/c");
  Link("nowhere", "dangling");
  EXPECT_TRUE(absl::IsInvalidArgument(Open("end")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("way/secret")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("way", O_RDONLY | O_DIRECTORY)));
  // Nor a symlink that stays inside.
  EXPECT_TRUE(absl::IsInvalidArgument(Open("inside")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("a/c/book")));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("dangling")));
}

TEST_P(BeneathTest, AFifoDoesNotHoldTheCaller) {
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_TRUE(Open("fifo", O_RDONLY | O_NONBLOCK).ok());
}

TEST_P(BeneathTest, ASocketCannotBeOpened) {
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string path = folder_ / "socket";
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(absl::IsInvalidArgument(Open("socket")));
}

TEST_P(BeneathTest, OverlongNamesAreInvalid) {
  EXPECT_TRUE(absl::IsInvalidArgument(Open(std::string(256, 'x'))));
  EXPECT_TRUE(absl::IsInvalidArgument(Open(std::string(256, 'x') + "/book")));
}

INSTANTIATE_TEST_SUITE_P(Ways, BeneathTest, testing::Bool(), [](const auto& info) {
  return info.param ? std::string("PartByPart") : std::string("Openat2");
});

TEST(ErrnoStatus, SortsErrorsByWhatToDo) {
  EXPECT_TRUE(absl::IsNotFound(ErrnoStatus(ENOENT, "x")));
  EXPECT_TRUE(absl::IsAlreadyExists(ErrnoStatus(EEXIST, "x")));
  EXPECT_TRUE(absl::IsAlreadyExists(ErrnoStatus(ENOTEMPTY, "x")));
  EXPECT_TRUE(absl::IsResourceExhausted(ErrnoStatus(ENOSPC, "x")));
  EXPECT_TRUE(absl::IsResourceExhausted(ErrnoStatus(EDQUOT, "x")));
  EXPECT_TRUE(absl::IsPermissionDenied(ErrnoStatus(EACCES, "x")));
  EXPECT_TRUE(absl::IsPermissionDenied(ErrnoStatus(EROFS, "x")));
  EXPECT_TRUE(absl::IsInvalidArgument(ErrnoStatus(ELOOP, "x")));
  EXPECT_TRUE(absl::IsInternal(ErrnoStatus(EIO, "x")));
  EXPECT_EQ(ErrnoStatus(EIO, "the book").message(), "the book: Input/output error");
}

}  // namespace
}  // namespace arkshare
