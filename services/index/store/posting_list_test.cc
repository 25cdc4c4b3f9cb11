#include "services/index/store/posting_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

std::vector<uint32_t> All(const PostingList& list) {
  std::vector<uint32_t> ids;
  for (PostingCursor cursor({&list, 0, list.size()}); !cursor.done(); cursor.Next()) {
    ids.push_back(cursor.id());
  }
  return ids;
}

TEST(PostingListTest, IsASetInOrder) {
  BlockPool pool;
  PostingList list;
  for (const uint32_t id : {7u, 3u, 4'000'000'000u, 0u, 5u}) EXPECT_TRUE(list.Insert(id, pool));
  EXPECT_FALSE(list.Insert(5, pool));
  EXPECT_THAT(All(list), ElementsAre(0, 3, 5, 7, 4'000'000'000u));
  EXPECT_TRUE(list.Erase(3, pool));
  EXPECT_FALSE(list.Erase(3, pool));
  EXPECT_FALSE(list.Erase(8, pool));
  EXPECT_THAT(All(list), ElementsAre(0, 5, 7, 4'000'000'000u));
  EXPECT_EQ(list.size(), 4u);
}

TEST(PostingListTest, ASingleNumberReplacesAListOfOne) {
  PostingCursor cursor({nullptr, 7, 1});
  ASSERT_FALSE(cursor.done());
  EXPECT_EQ(cursor.id(), 7u);
  uint32_t read = 0;
  EXPECT_EQ(cursor.Read(7, absl::MakeSpan(&read, 1)), 0u);
  EXPECT_EQ(PostingCursor(cursor).Read(8, absl::MakeSpan(&read, 1)), 1u);
  EXPECT_EQ(read, 7u);
  cursor.Seek(8);
  EXPECT_TRUE(cursor.done());
  EXPECT_TRUE(PostingCursor(Postings()).done());
}

TEST(PostingListTest, APlaceMayBeOutOfDate) {
  std::mt19937 random(7);
  BlockPool pool;
  PostingList list;
  std::set<uint32_t> expected;
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<uint32_t, size_t>> places;
    for (int i = 0; i < 50; ++i) {
      const auto id = static_cast<uint32_t>(random() % 20'000);
      places.emplace_back(id, list.Prefetch(id));
    }
    for (const auto& [id, place] : places) {
      EXPECT_EQ(list.Insert(id, place, pool), expected.insert(id).second);
    }
  }
  EXPECT_THAT(All(list), ElementsAreArray(expected));
}

// Numbers like those of titles: they grow within each of a few ranges, and some go and come back.
TEST(PostingListTest, AgreesWithASetWhateverIsAddedAndRemoved) {
  std::mt19937 random(5);
  for (const uint32_t step : {1u, 3u, 1000u, 20'000'000u}) {
    BlockPool pool;
    PostingList list;
    std::set<uint32_t> expected;
    std::vector<uint32_t> next = {0, 1u << 27, 2u << 27, 30u << 27};
    for (int i = 0; i < 5000; ++i) {
      uint32_t& id = next[random() % next.size()];
      const uint32_t distance = 1 + random() % step;
      if (id + distance > id) id += distance;
      EXPECT_EQ(list.Insert(id, pool), expected.insert(id).second);
      if (random() % 3 != 0) continue;
      const auto other = expected.lower_bound(static_cast<uint32_t>(random()));
      if (other == expected.end()) continue;
      EXPECT_TRUE(list.Erase(*other, pool));
      expected.erase(other);
    }
    ASSERT_THAT(All(list), ElementsAreArray(expected));
    for (int i = 0; i < 500; ++i) {
      PostingCursor cursor({&list, 0, list.size()});
      uint32_t from = 0;
      for (int jump = 0; jump < 3; ++jump) {
        from = std::max(from, static_cast<uint32_t>(random() >> (random() % 8)));
        cursor.Seek(from);
        const auto wanted = expected.lower_bound(from);
        ASSERT_EQ(cursor.done(), wanted == expected.end());
        if (cursor.done()) break;
        ASSERT_EQ(cursor.id(), *wanted);
      }
    }
    // All numbers, also the first ones of blocks.
    for (const uint32_t id : expected) {
      PostingCursor cursor({&list, 0, list.size()});
      cursor.Seek(id);
      ASSERT_FALSE(cursor.done());
      ASSERT_EQ(cursor.id(), id);
    }
    // Reads some at a time, up to limits.
    for (const size_t most : {size_t{1}, size_t{7}, size_t{300}}) {
      std::vector<uint32_t> read;
      std::vector<uint32_t> some(most);
      PostingCursor cursor({&list, 0, list.size()});
      while (!cursor.done()) {
        const uint32_t next = cursor.id() + 1;
        const uint32_t limit =
            std::max(next, next + static_cast<uint32_t>(random() >> random() % 32));
        const size_t count = cursor.Read(limit, absl::MakeSpan(some));
        ASSERT_GT(count, 0u);
        ASSERT_LT(some[count - 1], limit);
        read.insert(read.end(), some.begin(), some.begin() + static_cast<ptrdiff_t>(count));
        ASSERT_TRUE(count == most || cursor.done() || cursor.id() >= limit);
      }
      ASSERT_THAT(read, ElementsAreArray(expected));
    }
    std::vector<uint32_t> rest(expected.begin(), expected.end());
    std::shuffle(rest.begin(), rest.end(), random);
    for (const uint32_t id : rest) EXPECT_TRUE(list.Erase(id, pool));
    EXPECT_THAT(All(list), testing::IsEmpty());
  }
}

}  // namespace
}  // namespace arkshare
