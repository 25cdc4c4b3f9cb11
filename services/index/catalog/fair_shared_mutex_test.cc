#include "services/index/catalog/fair_shared_mutex.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace arkshare {
namespace {

void AwaitWaiting(const FairSharedMutex& mutex, size_t count) {
  while (mutex.waiting() != count) std::this_thread::yield();
}

TEST(FairSharedMutexTest, WritersExcludeEachOther) {
  FairSharedMutex mutex;
  int value = 0;  // TSan watches it too.
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        WriterLock lock(&mutex);
        ++value;
        if (i % 7 == 0) mutex.GiveWay();
      }
    });
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        ReaderLock lock(&mutex);
        const int seen = value;
        EXPECT_EQ(value, seen);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(value, 8000);
}

TEST(FairSharedMutexTest, ReadersShare) {
  FairSharedMutex mutex;
  ReaderLock lock(&mutex);
  std::thread other([&] { ReaderLock another(&mutex); });
  other.join();
}

TEST(FairSharedMutexTest, AReaderWaitsForOneWriterOnly) {
  FairSharedMutex mutex;
  std::string order;
  mutex.Lock();
  std::vector<std::thread> threads;
  const auto write = [&](char name) {
    threads.emplace_back([&mutex, &order, name] {
      WriterLock lock(&mutex);
      order += name;
    });
    AwaitWaiting(mutex, threads.size());
  };
  write('a');
  write('b');
  std::string seen;
  threads.emplace_back([&] {
    ReaderLock lock(&mutex);
    seen = order;
  });
  AwaitWaiting(mutex, 3);
  mutex.Unlock();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen, "");
  EXPECT_EQ(order, "ab");
}

TEST(FairSharedMutexTest, AWriterGivesWayToWaitingThreads) {
  FairSharedMutex mutex;
  std::string order;
  mutex.Lock();
  order += '1';
  std::thread reader([&] {
    ReaderLock lock(&mutex);
    EXPECT_EQ(order, "1");
  });
  AwaitWaiting(mutex, 1);
  mutex.GiveWay();
  order += '2';
  reader.join();
  mutex.GiveWay();
  mutex.Unlock();
}

TEST(FairSharedMutexTest, ReadersCannotKeepAWriterWaiting) {
  FairSharedMutex mutex;
  mutex.LockShared();
  std::thread writer([&] { WriterLock lock(&mutex); });
  AwaitWaiting(mutex, 1);
  // This many readers may pass. One more would wait for the writer, which waits for this thread.
  for (int i = 0; i < FairSharedMutex::kMostPassing; ++i) {
    std::thread passing([&] { ReaderLock another(&mutex); });
    passing.join();
  }
  std::thread late([&] { ReaderLock another(&mutex); });
  AwaitWaiting(mutex, 2);
  mutex.UnlockShared();
  writer.join();
  late.join();
}

}  // namespace
}  // namespace arkshare
