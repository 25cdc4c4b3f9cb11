#include "services/index/store/number_set.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>

namespace arkshare {
namespace {

TEST(NumberSetTest, RunsCostOneRange) {
  NumberSet set;
  for (uint64_t n = 1; n <= 1000; ++n) set.Insert(n);
  EXPECT_EQ(set.range_count(), 1u);
  set.Insert(1002);
  EXPECT_EQ(set.range_count(), 2u);
  EXPECT_FALSE(set.Contains(1001));
  set.Insert(1001);
  EXPECT_EQ(set.range_count(), 1u);
  EXPECT_FALSE(set.Contains(0));
  EXPECT_FALSE(set.Contains(1003));
}

TEST(NumberSetTest, TheLargestNumberIsANumberToo) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  NumberSet set;
  set.Insert(kMax);
  set.Insert(kMax - 1);
  set.Insert(kMax);
  EXPECT_TRUE(set.Contains(kMax));
  EXPECT_EQ(set.range_count(), 1u);
  EXPECT_FALSE(set.Contains(0));
}

TEST(NumberSetTest, AgreesWithAPlainSet) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    NumberSet set;
    NumberSet other;
    std::set<uint64_t> expected;
    for (int i = 0; i < 40; ++i) {
      const uint64_t number = random() % 64;
      (i % 3 == 0 ? other : set).Insert(number);
      expected.insert(number);
    }
    set.Merge(other);
    size_t ranges = 0;
    for (uint64_t n = 0; n < 66; ++n) {
      EXPECT_EQ(set.Contains(n), expected.contains(n)) << n;
      if (expected.contains(n) && (n == 0 || !expected.contains(n - 1))) ++ranges;
    }
    EXPECT_EQ(set.range_count(), ranges);
  }
}

}  // namespace
}  // namespace arkshare
