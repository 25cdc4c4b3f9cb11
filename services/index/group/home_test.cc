#include "services/index/group/home.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "lib/core/clock.h"
#include "services/index/group/group.h"

namespace arkshare {
namespace {

using testing::HasSubstr;

class HomeTest : public testing::Test {
 protected:
  HomeTest() {
    std::string pattern = testing::TempDir() + "/homeXXXXXX";
    folder_ = mkdtemp(pattern.data());
    home_ = folder_ + "/ark";
  }
  ~HomeTest() override { std::filesystem::remove_all(folder_); }

  // Imports a key that must be refused, and returns why it is.
  std::string WhyRefused(const PrivateKey& key) {
    const absl::Status status = ImportKey(home_, key).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    return std::string(status.message());
  }

  std::string folder_;
  std::string home_;
  FakeClock clock_;
  const PrivateKey key_ = PrivateKey::Generate();
  const PrivateKey other_ = PrivateKey::Generate();
};

TEST_F(HomeTest, AnIndexHasTheKeyThatWasImported) {
  EXPECT_EQ(ImportKey(home_, key_).value(), true);
  EXPECT_EQ(ImportKey(home_, key_).value(), false) << "it has this key already";
  EXPECT_THAT(WhyRefused(other_), HasSubstr("another key"));
  EXPECT_EQ(Group::Open(home_, &clock_).value()->key().public_key(), key_.public_key());
}

TEST_F(HomeTest, TheKeyOfARunningIndexIsNotReplaced) {
  const auto group = Group::Open(home_, &clock_).value();
  EXPECT_THAT(WhyRefused(other_), HasSubstr("stop it"));
  EXPECT_THAT(WhyRefused(group->key()), HasSubstr("stop it"));
}

TEST_F(HomeTest, AKeyDoesNotGetTheMembersOfAnother) {
  {
    const auto group = Group::Open(home_, &clock_).value();
    ASSERT_TRUE(group->SetMember({other_.public_key(), MemberRole::kFull, "ada"}).ok());
  }
  const PrivateKey lost = ReadKeyFile(home_).value().value();
  std::filesystem::remove(home_ + "/key");
  EXPECT_THAT(WhyRefused(other_), HasSubstr("does not belong to this key"));
  EXPECT_FALSE(ReadKeyFile(home_).value().has_value());
  EXPECT_EQ(ImportKey(home_, lost).value(), true);
  EXPECT_TRUE(Group::Open(home_, &clock_).value()->FindMember(other_.public_key()).ok());
}

TEST_F(HomeTest, ADamagedKeySaysWhatToDo) {
  ASSERT_TRUE(ImportKey(home_, key_).ok());
  std::ofstream(home_ + "/key") << "hello";
  const absl::Status status = ImportKey(home_, key_).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("key import"));
}

}  // namespace
}  // namespace arkshare
