#include "services/index/replica/stored_numbers.h"

#include <gtest/gtest.h>

#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

TEST(StoredNumbers, ANumberIsFoundByItsOwnerAndTheOtherWayRound) {
  StoredNumbers numbers;
  numbers.Put(7, {TestKey(1), 3});
  EXPECT_EQ(numbers.OwnerOf(7)->key, TestKey(1));
  EXPECT_EQ(numbers.OwnerOf(7)->revision, 3);
  EXPECT_EQ(numbers.NumberOf(TestKey(1)), 7u);
  EXPECT_FALSE(numbers.OwnerOf(8).has_value());
  EXPECT_FALSE(numbers.NumberOf(TestKey(2)).has_value());
  numbers.Remove(7);
  numbers.Remove(7);
  EXPECT_FALSE(numbers.OwnerOf(7).has_value());
  EXPECT_FALSE(numbers.NumberOf(TestKey(1)).has_value());
}

TEST(StoredNumbers, ANumberThatAnotherKeyGetsIsNoNumberOfTheFirst) {
  StoredNumbers numbers;
  numbers.Put(7, {TestKey(1), 3});
  numbers.Put(7, {TestKey(2), 4});
  EXPECT_FALSE(numbers.NumberOf(TestKey(1)).has_value());
  EXPECT_EQ(numbers.NumberOf(TestKey(2)), 7u);
  EXPECT_EQ(numbers.OwnerOf(7)->revision, 4);
}

TEST(StoredNumbers, TheNumberOfAKeyIsTheLastOneAlsoWhenAnotherGoes) {
  StoredNumbers numbers;
  numbers.Put(7, {TestKey(1), 3});
  numbers.Put(5, {TestKey(1), 4});
  EXPECT_EQ(numbers.NumberOf(TestKey(1)), 5u);
  numbers.Remove(7);
  EXPECT_EQ(numbers.NumberOf(TestKey(1)), 5u);
}

TEST(StoredNumbers, TheNextUnusedNumberIsTheSmallestWithoutAnOwner) {
  StoredNumbers numbers;
  EXPECT_EQ(numbers.NextUnused(1), 1u);
  EXPECT_EQ(numbers.NextUnused(9), 9u);
  for (const uint8_t number : {2, 4, 3, 6}) numbers.Put(number, {TestKey(number), 1});
  EXPECT_EQ(numbers.NextUnused(1), 1u);
  EXPECT_EQ(numbers.NextUnused(2), 5u);
  numbers.Put(1, {TestKey(1), 2});
  EXPECT_EQ(numbers.NextUnused(1), 5u);
  EXPECT_EQ(numbers.NextUnused(6), 7u);
  numbers.Put(3, {TestKey(7), 3});
  EXPECT_EQ(numbers.NextUnused(1), 5u) << "a number with another owner";
  numbers.Remove(2);
  EXPECT_EQ(numbers.NextUnused(1), 2u);
  EXPECT_EQ(numbers.NextUnused(3), 5u);
  numbers.Put(2, {TestKey(2), 4});
  EXPECT_EQ(numbers.NextUnused(1), 5u);
}

TEST(StoredNumbers, SomeAreRemovedTogether) {
  StoredNumbers numbers;
  for (uint8_t i = 1; i <= 6; ++i) numbers.Put(i, {TestKey(i), i});
  numbers.RemoveIf([](uint32_t number) { return number % 2 == 0; });
  const auto all = numbers.All();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].first, 1u);
  EXPECT_EQ(all[1].first, 3u);
  EXPECT_EQ(all[2].second.key, TestKey(5));
  EXPECT_FALSE(numbers.NumberOf(TestKey(2)).has_value());
}

}  // namespace
}  // namespace arkshare
