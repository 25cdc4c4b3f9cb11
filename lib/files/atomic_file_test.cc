#include "lib/files/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace arkshare {
namespace {

class AtomicFileTest : public testing::Test {
 protected:
  AtomicFileTest() {
    std::string folder = testing::TempDir() + "/atomic_file_XXXXXX";
    folder_ = mkdtemp(folder.data());
    path_ = folder_ + "/file";
  }
  ~AtomicFileTest() override { std::filesystem::remove_all(folder_); }

  std::string Read() const {
    std::ifstream file(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  std::string folder_;
  std::string path_;
};

TEST_F(AtomicFileTest, ReplacesTheTextAndSetsTheMode) {
  ASSERT_TRUE(WriteFileAtomically(path_, "first").ok());
  ASSERT_TRUE(WriteFileAtomically(path_, "second", 0644).ok());
  EXPECT_EQ(Read(), "second");
  struct stat stat {};
  ASSERT_EQ(lstat(path_.c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0644u);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(AtomicFileTest, DoesNotWriteThroughALink) {
  const std::string target = folder_ + "/target";
  std::ofstream(target) << "untouched";
  std::filesystem::create_symlink(target, path_ + ".new");
  ASSERT_TRUE(WriteFileAtomically(path_, "text").ok());
  EXPECT_EQ(Read(), "text");
  std::ifstream file(target);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "untouched");
}

TEST_F(AtomicFileTest, AFailureLeavesTheOldText) {
  std::filesystem::create_directory(path_);
  EXPECT_EQ(WriteFileAtomically(path_, "text").code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(std::filesystem::is_directory(path_));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

}  // namespace
}  // namespace arkshare
