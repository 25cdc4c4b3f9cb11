#include "lib/core/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace arkshare {
namespace {

class Counter {
 public:
  void Add(int n) {
    MutexLock lock(&mutex_);
    value_ += n;
    changed_.NotifyAll();
  }
  int WaitForAtLeast(int least) {
    MutexLock lock(&mutex_);
    while (value_ < least) changed_.Wait(&mutex_);
    return value_;
  }
  // Returns false when the wait timed out.
  bool WaitOnce(absl::Duration timeout) {
    MutexLock lock(&mutex_);
    return changed_.WaitFor(&mutex_, timeout);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int value_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(MutexTest, KeepsThreadsApart) {
  Counter counter;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) counter.Add(1);
    });
  }
  EXPECT_EQ(counter.WaitForAtLeast(40'000), 40'000);
  for (std::thread& thread : threads) thread.join();
}

TEST(CondVarTest, ReportsATimeout) {
  Counter counter;
  EXPECT_FALSE(counter.WaitOnce(absl::Milliseconds(1)));
}

TEST(CondVarTest, AWaiterWithATimeoutIsWoken) {
  Counter counter;
  std::thread waker([&] { counter.Add(1); });
  // The notification can precede the wait; the value is then already set.
  counter.WaitOnce(absl::Milliseconds(1));
  EXPECT_EQ(counter.WaitForAtLeast(1), 1);
  waker.join();
}

}  // namespace
}  // namespace arkshare
