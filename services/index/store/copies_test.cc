#include "services/index/store/copies.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace arkshare {
namespace {

using Listed = std::pair<uint32_t, uint64_t>;

std::set<Listed> ListedIn(const Copies& copies) {
  std::set<Listed> listed;
  for (const Copy& copy : copies.all()) {
    if (copy.gone()) continue;
    EXPECT_TRUE(listed.insert({copy.shelf, copy.number()}).second);
  }
  EXPECT_EQ(copies.count(), listed.size());
  return listed;
}

// Compares with a plain set, with few enough shelves that some have several listings.
TEST(CopiesTest, AgreesWithASetWhateverIsAddedAndRemoved) {
  for (const size_t most : {3u, 300u, 3'000u}) {
    BlockPool pool;
    std::mt19937 random(most);
    Copies copies(Copy(0, 1));
    std::vector<Listed> expected = {{0, 1}};
    uint64_t next = 2;
    const auto add = [&] {
      expected.push_back({static_cast<uint32_t>(random() % most), next++});
      copies.Add(Copy(expected.back().first, expected.back().second), pool);
    };
    const auto remove = [&] {
      const size_t at = random() % expected.size();
      EXPECT_TRUE(copies.Remove(Copy(expected[at].first, expected[at].second), pool));
      EXPECT_EQ(copies.Remove(Copy(expected[at].first, next), pool), false);
      expected[at] = expected.back();
      expected.pop_back();
    };
    for (int round = 0; round < 3; ++round) {
      while (expected.size() < most) {
        add();
        if (random() % 4 == 0 && expected.size() > 2) remove();
      }
      ASSERT_EQ(ListedIn(copies), std::set<Listed>(expected.begin(), expected.end()));
      while (expected.size() > 2) {
        remove();
        if (random() % 4 == 0) add();
      }
      ASSERT_EQ(ListedIn(copies), std::set<Listed>(expected.begin(), expected.end()));
    }
  }
}

TEST(CopiesTest, OneCopyAgainTakesNoMemory) {
  BlockPool pool;
  Copies copies(Copy(1, 1));
  for (uint64_t number = 2; number <= 1'000; ++number) copies.Add(Copy(1, number), pool);
  for (uint64_t number = 1'000; number >= 2; --number) {
    ASSERT_TRUE(copies.Remove(Copy(1, number), pool));
  }
  ASSERT_EQ(copies.all().size(), 1u);
  EXPECT_EQ(copies.all().front(), Copy(1, 1));
}

}  // namespace
}  // namespace arkshare
