#include "services/index/catalog/graveyard.h"

#include <gtest/gtest.h>

#include <utility>

#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

// Numbers `first`, `first` + 2 ...: `count` ranges.
NumberSet Ranges(uint64_t first, size_t count) {
  NumberSet numbers;
  for (size_t i = 0; i < count; ++i) numbers.Insert(first + 2 * i);
  return numbers;
}

TEST(GraveyardTest, ReturnsWhatWasBuriedOnce) {
  Graveyard graves;
  graves.Bury(TestKey(1), Ranges(5, 1));
  EXPECT_TRUE(graves.Exhume(TestKey(2)).empty());
  EXPECT_TRUE(graves.Exhume(TestKey(1)).Contains(5));
  EXPECT_TRUE(graves.Exhume(TestKey(1)).empty());
  EXPECT_EQ(graves.range_count(), 0u);
}

TEST(GraveyardTest, AddsToAnEarlierGraveOfTheKey) {
  Graveyard graves;
  graves.Bury(TestKey(1), Ranges(5, 1));
  graves.Bury(TestKey(1), Ranges(9, 1));
  EXPECT_EQ(graves.range_count(), 2u);
  const NumberSet gone = graves.Exhume(TestKey(1));
  EXPECT_TRUE(gone.Contains(5));
  EXPECT_TRUE(gone.Contains(9));
  EXPECT_FALSE(gone.Contains(7));
}

// If each number cost a merge of its grave, this would take minutes.
TEST(GraveyardTest, ANumberCostsNoMergeOfItsGrave) {
  Graveyard graves;
  graves.Bury(TestKey(1), Ranges(1'000'001, Graveyard::kMaxRangesOfGrave - 1));
  for (uint64_t number = 1; number <= 500'000; ++number) graves.Bury(TestKey(1), number);
  EXPECT_EQ(graves.range_count(), Graveyard::kMaxRangesOfGrave);
  EXPECT_TRUE(graves.Exhume(TestKey(1)).Contains(250'000));
}

TEST(GraveyardTest, ALargeSetIsNotMergedIntoASmallOneNumberByNumber) {
  Graveyard graves;
  for (uint64_t n = 0; n < 3; ++n) graves.Bury(TestKey(1), Ranges(1 + 10'000 * n, 100));
  EXPECT_EQ(graves.range_count(), 300u);
  graves.Bury(TestKey(1), Ranges(100'001, Graveyard::kMaxRangesOfGrave - 300));
  EXPECT_EQ(graves.range_count(), Graveyard::kMaxRangesOfGrave);
}

TEST(GraveyardTest, AnEmptySetTakesNoGrave) {
  Graveyard graves;
  graves.Bury(TestKey(1), NumberSet());
  EXPECT_EQ(graves.range_count(), 0u);
  EXPECT_TRUE(graves.Exhume(TestKey(1)).empty());
}

TEST(GraveyardTest, TheOldestGravesAreForgottenWhenThereAreTooManyRanges) {
  Graveyard graves;
  const auto full = static_cast<uint8_t>(Graveyard::kMaxRanges / Graveyard::kMaxRangesOfGrave);
  for (uint8_t key = 1; key <= full; ++key) {
    graves.Bury(TestKey(key), Ranges(1, Graveyard::kMaxRangesOfGrave));
  }
  EXPECT_EQ(graves.range_count(), Graveyard::kMaxRanges);
  // Buried again, the first key has the newest grave.
  graves.Bury(TestKey(1), Ranges(1, 1));
  graves.Bury(TestKey(full + 1), Ranges(1, 1));
  EXPECT_LE(graves.range_count(), Graveyard::kMaxRanges);
  EXPECT_FALSE(graves.Exhume(TestKey(1)).empty());
  EXPECT_TRUE(graves.Exhume(TestKey(2)).empty());
  EXPECT_FALSE(graves.Exhume(TestKey(3)).empty());
  EXPECT_FALSE(graves.Exhume(TestKey(full + 1)).empty());
}

TEST(GraveyardTest, AVeryLargeGraveIsForgottenAndPushesOutNoOther) {
  Graveyard graves;
  graves.Bury(TestKey(1), Ranges(1, 1));
  graves.Bury(TestKey(2), Ranges(1, Graveyard::kMaxRangesOfGrave + 1));
  EXPECT_TRUE(graves.Exhume(TestKey(2)).empty());
  EXPECT_FALSE(graves.Exhume(TestKey(1)).empty());
  // The limit also holds for what two burials make together.
  graves.Bury(TestKey(3), Ranges(1, Graveyard::kMaxRangesOfGrave));
  graves.Bury(TestKey(3), Ranges(1'000'001, 1));
  EXPECT_TRUE(graves.Exhume(TestKey(3)).empty());
}

}  // namespace
}  // namespace arkshare
