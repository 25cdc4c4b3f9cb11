#include "lib/rpc/idle_watchdog.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>

namespace arkshare {
namespace {

using Watch = IdleWatchdog::Watch;

TEST(IdleWatchdog, CancelsACallWithoutProgress) {
  IdleWatchdog dog(Clock::Real());
  std::promise<void> cancelled;
  const Watch watch(&dog, absl::Milliseconds(1), [&] { cancelled.set_value(); });
  cancelled.get_future().wait();  // set_value would throw the second time
  EXPECT_TRUE(watch.expired());
}

TEST(IdleWatchdog, KeepsACallThatMakesProgress) {
  FakeClock clock;
  IdleWatchdog dog(&clock);
  // The watchdog checks this watch before the others in each round; the others tell when.
  Watch watch(&dog, absl::Seconds(10), [] { FAIL() << "it has made progress"; });
  const auto look = [&] {
    std::promise<void> looked;
    const Watch other(&dog, absl::ZeroDuration(), [&] { looked.set_value(); });
    looked.get_future().wait();
  };
  for (int i = 0; i < 3; ++i) {
    clock.Advance(absl::Seconds(9));
    look();
    watch.Progress();
  }
  EXPECT_FALSE(watch.expired());
}

TEST(IdleWatchdog, CancelsOnce) {
  FakeClock clock;
  IdleWatchdog dog(&clock);
  int cancels = 0;
  const Watch watch(&dog, absl::Seconds(10), [&] { ++cancels; });
  for (int i = 0; i < 3; ++i) {
    clock.Advance(absl::Seconds(10));
    std::promise<void> looked;
    const Watch other(&dog, absl::ZeroDuration(), [&] { looked.set_value(); });
    looked.get_future().wait();
    EXPECT_EQ(cancels, 1);
  }
  EXPECT_TRUE(watch.expired());
}

TEST(IdleWatchdog, AWatchThatHasEndedIsNotCancelled) {
  FakeClock clock;
  IdleWatchdog dog(&clock);
  auto ended = std::make_unique<Watch>(&dog, absl::Seconds(1), [] { FAIL() << "it is gone"; });
  ended.reset();
  clock.Advance(absl::Seconds(100));
  std::promise<void> looked;
  const Watch other(&dog, absl::ZeroDuration(), [&] { looked.set_value(); });
  looked.get_future().wait();
}

// The objects that a cancel uses live at least as long as its watch.
TEST(IdleWatchdog, TheEndOfAWatchWaitsForARunningCancel) {
  IdleWatchdog dog(Clock::Real());
  std::promise<void> begun, go_on;
  std::atomic<bool> cancel_ended{false};
  auto watch = std::make_unique<Watch>(&dog, absl::ZeroDuration(), [&] {
    begun.set_value();
    go_on.get_future().wait();
    cancel_ended = true;
  });
  begun.get_future().wait();
  std::thread other([&] {
    watch.reset();
    EXPECT_TRUE(cancel_ended.load());
  });
  go_on.set_value();
  other.join();
}

TEST(IdleWatchdog, WatchesMany) {
  FakeClock clock;
  IdleWatchdog dog(&clock);
  std::atomic<int> cancels{0};
  std::promise<void> all;
  std::vector<std::unique_ptr<Watch>> watches;
  for (int i = 0; i < 100; ++i) {
    watches.push_back(std::make_unique<Watch>(&dog, absl::Seconds(1 + i % 2), [&] {
      if (++cancels == 50) all.set_value();
    }));
  }
  clock.Advance(absl::Milliseconds(1500));
  all.get_future().wait();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(watches[i]->expired(), i % 2 == 0);
}

TEST(IdleWatchdog, EndsWithoutWatches) { IdleWatchdog dog(Clock::Real()); }

}  // namespace
}  // namespace arkshare
