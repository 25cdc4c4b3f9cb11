#include "services/index/work_queue.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace arkshare
