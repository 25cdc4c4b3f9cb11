#include "services/index/search/best_keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace arkshare {
namespace {

SearchKey RandomKey(std::mt19937& random) {
  SearchKey key;
  key.fit = {static_cast<int>(random() % 2), static_cast<int>(random() % 3)};
  key.unpopularity = -static_cast<int>(random() % 3);
  key.shuffle = static_cast<uint32_t>(random() % 5);
  key.name = std::string(random() % 3 + 1, static_cast<char>('a' + random() % 3));
  key.content.size = random() % 2;
  return key;
}

void Offer(BestKeys& best, const SearchKey& key) {
  best.Offer(key.fit, key.unpopularity, key.shuffle, key.name, key.content);
}

// Many keys are equal in part, and many are offered twice.
TEST(BestKeysTest, AreTheBestOfAllKeysAfterAGivenOne) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const size_t most = 1 + random() % 20;
    std::optional<SearchKey> after;
    if (round % 2 == 1) after = RandomKey(random);
    BestKeys best(most, after);
    BestKeys others(most, after);
    std::set<SearchKey> all;
    for (int i = 0; i < 200; ++i) {
      const SearchKey key = RandomKey(random);
      Offer(i % 4 == 0 ? others : best, key);
      if (!after.has_value() || key > *after) all.insert(key);
    }
    best.Merge(others);
    std::vector<SearchKey> expected(all.begin(), all.end());
    expected.resize(std::min(most, expected.size()));
    std::vector<SearchKey> found;
    for (size_t place = 0; place < best.size(); ++place) found.push_back(best[place]);
    EXPECT_TRUE(found == expected) << "of " << most;
  }
}

TEST(BestKeysTest, ExcludeKeysThatCannotBeAmongThem) {
  const std::optional<SearchKey> after;
  BestKeys best(2, after);
  best.Offer({0, 1}, -3, 7, "a", {});
  EXPECT_FALSE(best.full());
  EXPECT_FALSE(best.Excludes({9, 9}, 0));
  EXPECT_EQ(best.WorstStanding({9, 9}), Standing::Worst());
  best.Offer({0, 0}, -1, 9, "b", {});
  EXPECT_TRUE(best.full());
  EXPECT_FALSE(best.Excludes({0, 1}, -3));
  EXPECT_TRUE(best.Excludes({0, 1}, -2));
  EXPECT_TRUE(best.Excludes({0, 2}, -9));
  EXPECT_EQ(best.WorstStanding({0, 0}), Standing::Worst());
  EXPECT_EQ(best.WorstStanding({0, 1}), Standing(-3, 7));
  EXPECT_EQ(best.WorstStanding({0, 2}), std::nullopt);
}

}  // namespace
}  // namespace arkshare
