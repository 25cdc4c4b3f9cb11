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

TEST(NumberSetTest, VisitsTheRunsThatMeetARange) {
  NumberSet numbers;
  numbers.Insert({3, 5});
  numbers.Insert({9, 12});
  numbers.Insert(20);
  const auto meets = [&](uint64_t first, uint64_t last) {
    std::vector<NumberRange> runs;
    numbers.Visit({first, last}, [&](const NumberRange& run) { runs.push_back(run); });
    return runs;
  };
  EXPECT_EQ(meets(1, 2), std::vector<NumberRange>());
  EXPECT_EQ(meets(1, 3), (std::vector<NumberRange>{{3, 5}}));
  EXPECT_EQ(meets(5, 8), (std::vector<NumberRange>{{3, 5}}));
  EXPECT_EQ(meets(6, 8), std::vector<NumberRange>());
  EXPECT_EQ(meets(4, 9), (std::vector<NumberRange>{{3, 5}, {9, 12}}));
  EXPECT_EQ(meets(10, 11), (std::vector<NumberRange>{{9, 12}}));
  EXPECT_EQ(meets(0, ~uint64_t{0}), numbers.Runs());
  EXPECT_EQ(numbers.Runs(), (std::vector<NumberRange>{{3, 5}, {9, 12}, {20, 20}}));
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
