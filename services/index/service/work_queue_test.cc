#include "services/index/service/work_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

namespace arkshare {
namespace {

TEST(WorkQueueTest, DoesEverythingInOrderBeforeItEnds) {
  std::vector<int> done;
  {
    WorkQueue queue;
    for (int i = 0; i < 1'000; ++i) queue.Add([&done, i] { done.push_back(i); });
  }
  ASSERT_EQ(done.size(), 1'000u);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(done[static_cast<size_t>(i)], i);
}

TEST(WorkQueueTest, WorkMayAddWork) {
  std::vector<int> done;
  {
    WorkQueue queue;
    queue.Add([&] {
      queue.Add([&done] { done.push_back(2); });
      done.push_back(1);
    });
  }
  EXPECT_EQ(done, std::vector<int>({1, 2}));
}

// A caller that adds work faster than it is done, and waits for room each time, is never far ahead.
TEST(WorkQueueTest, ACallerThatWaitsForRoomIsNotFarAhead) {
  constexpr int kMost = 4;
  std::atomic<int> added = 0;
  std::atomic<int> most_ahead = 0;
  int done = 0;
  {
    WorkQueue queue;
    for (int i = 0; i < 1'000; ++i) {
      queue.AwaitRoom(kMost);
      ++added;
      queue.Add([&] {
        most_ahead = std::max<int>(most_ahead, added - done);
        ++done;
      });
    }
  }
  EXPECT_EQ(done, 1'000);
  EXPECT_LE(most_ahead, kMost + 1) << "the work that waits, and the one that runs";
}

}  // namespace
}  // namespace arkshare
