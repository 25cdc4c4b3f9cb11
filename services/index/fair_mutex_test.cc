#include "services/index/fair_mutex.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace arkshare {
namespace {

TEST(FairMutexTest, OnlyOneAtATime) {
  FairMutex mutex;
  int value = 0;  // TSan watches it too.
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        FairMutexLock lock(&mutex);
        ++value;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(value, 8000);
}

TEST(FairMutexTest, WhoWaitsIsServedInOrderAndBeforeWhoComesAgain) {
  FairMutex mutex;
  std::string order;
  const auto await_waiting = [&](size_t count) {
    while (mutex.waiting() != count) std::this_thread::yield();
  };
  mutex.Lock();
  std::vector<std::thread> threads;
  for (const char name : {'a', 'b', 'c'}) {
    threads.emplace_back([&mutex, &order, name] {
      FairMutexLock lock(&mutex);
      order += name;
    });
    await_waiting(threads.size());
  }
  mutex.Unlock();
  mutex.Lock();
  order += '!';
  mutex.Unlock();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, "abc!");
}

}  // namespace
}  // namespace arkshare
