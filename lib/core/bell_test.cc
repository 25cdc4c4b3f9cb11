#include "lib/core/bell.h"

#include <gtest/gtest.h>

#include <thread>

namespace arkshare {
namespace {

TEST(BellTest, AListenerThatComesLateDoesNotWait) {
  Bell bell;
  const Bell::Rings before = bell.rings();
  bell.Ring();
  EXPECT_EQ(bell.Await(before, absl::Hours(1)).all, 1U);
  bell.RingUrgently();
  EXPECT_EQ(bell.AwaitUrgent(before, absl::Hours(1)).urgent, 1U);
}

TEST(BellTest, WakesAListenerThatWaits) {
  Bell bell;
  std::thread ringer([&] { bell.Ring(); });
  Bell::Rings heard;
  while (heard.all == 0) heard = bell.Await({}, absl::Hours(1));
  ringer.join();
  EXPECT_EQ(heard, (Bell::Rings{.all = 1, .urgent = 0}));
}

TEST(BellTest, AnOrdinaryRingIsNotUrgent) {
  Bell bell;
  bell.Ring();
  EXPECT_EQ(bell.AwaitUrgent({}, absl::ZeroDuration()), (Bell::Rings{.all = 1, .urgent = 0}));
}

TEST(BellTest, CloseEndsAllWaits) {
  Bell bell;
  std::thread first([&] { bell.Await({}, absl::Hours(1)); });
  std::thread second([&] { bell.AwaitUrgent({}, absl::Hours(1)); });
  bell.Close();
  first.join();
  second.join();
  EXPECT_TRUE(bell.closed());
  EXPECT_EQ(bell.Await({}, absl::Hours(1)), Bell::Rings());
}

}  // namespace
}  // namespace arkshare
