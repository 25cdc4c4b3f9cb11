#include "services/index/store/bit_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace arkshare {
namespace {

TEST(BitSetTest, AgreesWithASetWhateverIsInsertedAndErased) {
  BitSet bits;
  std::set<uint32_t> expected;
  std::minstd_rand random;
  for (uint32_t most = 1; most <= 100'000; most *= 10) {
    for (int i = 0; i < 1'000; ++i) {
      const auto number = static_cast<uint32_t>(random() % most);
      if (random() % 3 == 0) {
        bits.Erase(number);
        expected.erase(number);
      } else {
        bits.Insert(number);
        expected.insert(number);
      }
    }
    for (uint32_t number = 0; number < most + 100; ++number) {
      ASSERT_EQ(bits.Contains(number), expected.contains(number)) << number;
    }
  }
}

TEST(BitSetTest, ContainsNothingBeyondItsEnd) {
  BitSet bits;
  EXPECT_FALSE(bits.Contains(0));
  bits.Erase(1'000'000);
  bits.Insert(63);
  EXPECT_TRUE(bits.Contains(63));
  EXPECT_FALSE(bits.Contains(64));
  EXPECT_FALSE(bits.Contains(1'000'000));
}

TEST(BitSetTest, KeepIfKeepsTheOrder) {
  std::vector<uint32_t> ids = {5, 2, 8, 3, 4};
  const auto even = KeepIf(absl::MakeSpan(ids), [](uint32_t id) { return id % 2 == 0; });
  EXPECT_THAT(even, testing::ElementsAre(2, 8, 4));
  EXPECT_TRUE(KeepIf({}, [](uint32_t) { return true; }).empty());
}

}  // namespace
}  // namespace arkshare
