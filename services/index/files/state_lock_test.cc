#include "services/index/files/state_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace arkshare {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(StateLockTest, AStateFileHasOneOwner) {
  std::string folder = testing::TempDir() + "/stateXXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string file = folder + "/state";
  auto first = StateLock::Acquire(file);
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status second = StateLock::Acquire(file).status();
  EXPECT_TRUE(absl::IsInvalidArgument(second));
  EXPECT_THAT(std::string(second.message()), AllOf(HasSubstr(file), HasSubstr("--state")));
  first->reset();
  EXPECT_TRUE(StateLock::Acquire(file).ok());
  std::filesystem::remove_all(folder);
}

TEST(StateLockTest, ALockThatCannotBeMadeSaysWhy) {
  const absl::Status status = StateLock::Acquire("/no/such/folder/state").status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace arkshare
