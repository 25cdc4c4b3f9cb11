#include "services/peer/disk/read_lease.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "services/peer/disk/unique_fd.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

class ReadLeaseTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteFileAt(path_, "a book");
    fd_ = Open(O_RDONLY);
    if (::fcntl(fd_.get(), F_SETLEASE, F_RDLCK) != 0) {
      GTEST_SKIP() << "the file system of the temporary folder has no leases";
    }
    ASSERT_EQ(::fcntl(fd_.get(), F_SETLEASE, F_UNLCK), 0);
  }
  UniqueFd Open(int flags) const { return UniqueFd(::open(path_.c_str(), flags | O_CLOEXEC)); }

  TempFolder temp_;
  const std::string path_ = temp_ / "book";
  UniqueFd fd_;
};

TEST_F(ReadLeaseTest, IsRefusedWhileAProgramWrites) {
  EXPECT_FALSE(ReadLease(fd_.get()).refused());
  const UniqueFd reader = Open(O_RDONLY);
  EXPECT_FALSE(ReadLease(fd_.get()).refused());
  UniqueFd writer = Open(O_WRONLY);
  EXPECT_TRUE(ReadLease(fd_.get()).refused());
  writer = UniqueFd();
  EXPECT_FALSE(ReadLease(fd_.get()).refused());
}

TEST_F(ReadLeaseTest, IsRefusedWhileTheFileIsMappedForWriting) {
  UniqueFd writer = Open(O_RDWR);
  void* const map = ::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, writer.get(), 0);
  ASSERT_NE(map, MAP_FAILED);
  writer = UniqueFd();
  EXPECT_TRUE(ReadLease(fd_.get()).refused());
  ::munmap(map, 1);
}

TEST_F(ReadLeaseTest, IsBrokenByAProgramThatWantsToWrite) {
  const ReadLease lease(fd_.get());
  EXPECT_FALSE(lease.Broken());
  EXPECT_TRUE(Open(O_RDONLY).valid());
  EXPECT_FALSE(lease.Broken());
  EXPECT_FALSE(Open(O_WRONLY | O_NONBLOCK).valid());
  EXPECT_EQ(errno, EWOULDBLOCK);
  EXPECT_TRUE(lease.Broken());
}

}  // namespace
}  // namespace arkshare
