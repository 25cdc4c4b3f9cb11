#include "lib/rpc/connection_counts.h"

#include <gtest/gtest.h>

#include <map>

namespace arkshare {
namespace {

class ConnectionCountsTest : public testing::Test {
 protected:
  bool Add(const std::string& group, int fd, uint64_t inode, size_t most = 3) {
    open_[fd] = inode;
    const bool added = counts_.Add(group, fd, inode, most, [this](int asked, uint64_t its_inode) {
      const auto found = open_.find(asked);
      return found != open_.end() && found->second == its_inode;
    });
    if (!added) open_.erase(fd);
    return added;
  }

  std::map<int, uint64_t> open_;
  ConnectionCounts counts_;
};

TEST_F(ConnectionCountsTest, EachGroupHasItsOwnCount) {
  for (int fd = 1; fd <= 3; ++fd) EXPECT_TRUE(Add("a", fd, 100 + fd));
  EXPECT_FALSE(Add("a", 4, 104));
  EXPECT_TRUE(Add("b", 4, 105));
  EXPECT_EQ(counts_.CountOf("a"), 3U);
  EXPECT_EQ(counts_.CountOf("b"), 1U);
}

TEST_F(ConnectionCountsTest, AClosedConnectionCountsNoMore) {
  for (int fd = 1; fd <= 3; ++fd) Add("a", fd, 100 + fd);
  open_.erase(2);
  EXPECT_TRUE(Add("a", 9, 109));
  EXPECT_EQ(counts_.CountOf("a"), 3U);
  EXPECT_FALSE(Add("a", 10, 110));
}

TEST_F(ConnectionCountsTest, ADescriptorThatIsUsedAgainIsAnotherConnection) {
  for (int fd = 1; fd <= 3; ++fd) Add("a", fd, 100 + fd);
  EXPECT_TRUE(Add("b", 2, 202)) << "the second one was closed";
  EXPECT_EQ(counts_.CountOf("a"), 2U);
  open_[3] = 303;  // a file, or a connection to somewhere
  EXPECT_TRUE(Add("a", 4, 104));
  EXPECT_EQ(counts_.CountOf("a"), 2U);
  EXPECT_TRUE(Add("a", 5, 105));
}

TEST_F(ConnectionCountsTest, ClosedOnesOfALargeGroupAreFoundInTurn) {
  constexpr int kMany = 1000;
  for (int fd = 0; fd < kMany; ++fd) EXPECT_TRUE(Add("a", fd, fd, kMany));
  open_.erase(500);
  int attempts = 1;
  while (!Add("a", kMany, kMany, kMany)) ++attempts;
  EXPECT_LE(attempts, kMany / 64 + 1);
}

TEST_F(ConnectionCountsTest, GroupsThatHaveNothingTakeNoRoom) {
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(Add(std::to_string(i), 7, i));
  for (int i = 0; i < 999; ++i) EXPECT_EQ(counts_.CountOf(std::to_string(i)), 0U);
}

}  // namespace
}  // namespace arkshare
