#include "services/peer/library/hash_queue.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

namespace arkshare {
namespace {

using Lane = HashQueue::Lane;
constexpr uint64_t kLarge = HashQueue::kSmall + 1;

TEST(HashQueueTest, TheSmallestFileIsFirst) {
  HashQueue queue;
  queue.Add("large", kLarge);
  queue.Add("b", 20);
  queue.Add("a", 10);
  EXPECT_EQ(queue.Take(Lane::kAny), "a");
  EXPECT_EQ(queue.Take(Lane::kAny), "b");
  EXPECT_EQ(queue.Take(Lane::kAny), "large");
  EXPECT_EQ(queue.Take(Lane::kAny), std::nullopt);
}

TEST(HashQueueTest, LargeFilesNeverOccupyTheLaneForSmallOnes) {
  HashQueue queue;
  queue.Add("large", kLarge);
  EXPECT_EQ(queue.Take(Lane::kSmallOnly), std::nullopt);
  queue.Add("small", HashQueue::kSmall);
  EXPECT_EQ(queue.Take(Lane::kSmallOnly), "small");
}

TEST(HashQueueTest, ALargeFileDoesNotWaitForEver) {
  HashQueue queue;
  queue.Add("large", kLarge);
  queue.Add("larger", kLarge + 1);
  for (int i = 0; i < HashQueue::kSmallInARow; ++i) {
    const std::string small = absl::StrCat("small ", i);
    queue.Add(small, 1);
    EXPECT_EQ(queue.Take(Lane::kAny), small);
  }
  queue.Add("one more", 1);
  EXPECT_EQ(queue.Take(Lane::kAny), "large");
  EXPECT_EQ(queue.Take(Lane::kAny), "one more");
}

TEST(HashQueueTest, AFileIsHashedByOneLaneAtATime) {
  HashQueue queue;
  queue.Add("book", 10);
  EXPECT_EQ(queue.Take(Lane::kAny), "book");
  queue.Add("book", 10);
  EXPECT_EQ(queue.Take(Lane::kAny), std::nullopt);
  queue.Ended("book");
  queue.Add("book", 10);
  queue.Add("book", 5);  // it has become smaller
  EXPECT_EQ(queue.Take(Lane::kAny), "book");
  EXPECT_EQ(queue.Take(Lane::kAny), std::nullopt);
}

TEST(HashQueueTest, NothingWaitsAfterClear) {
  HashQueue queue;
  queue.Add("a", 1);
  queue.Add("b", kLarge);
  queue.Clear();
  EXPECT_EQ(queue.Take(Lane::kAny), std::nullopt);
}

}  // namespace
}  // namespace arkshare
