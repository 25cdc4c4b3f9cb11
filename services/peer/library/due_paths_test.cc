#include "services/peer/library/due_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kNoon = absl::FromUnixSeconds(1'800'000'000);

TEST(DuePathsTest, ComeInOrderOfTimeWhenTheyAreDue) {
  DuePaths due;
  EXPECT_EQ(due.Next(), absl::InfiniteFuture());
  due.Schedule("late", kNoon + absl::Seconds(2));
  due.Schedule("soon", kNoon);
  due.Schedule("next", kNoon + absl::Seconds(1));
  EXPECT_EQ(due.Next(), kNoon);
  EXPECT_THAT(due.Take(kNoon - absl::Nanoseconds(1), 10), IsEmpty());
  EXPECT_THAT(due.Take(kNoon + absl::Seconds(1), 10), ElementsAre("soon", "next"));
  EXPECT_THAT(due.Take(kNoon + absl::Seconds(5), 10), ElementsAre("late"));
  EXPECT_EQ(due.Next(), absl::InfiniteFuture());
}

TEST(DuePathsTest, ALaterScheduleReplacesTheTime) {
  DuePaths due;
  due.Schedule("later", kNoon);
  due.Schedule("later", kNoon + absl::Seconds(1));
  due.Schedule("earlier", kNoon + absl::Seconds(9));
  due.Schedule("earlier", kNoon);
  EXPECT_THAT(due.Take(kNoon, 10), ElementsAre("earlier"));
  EXPECT_THAT(due.Take(kNoon + absl::Seconds(9), 10), ElementsAre("later"));
}

TEST(DuePathsTest, NoMoreAreTakenThanAskedFor) {
  DuePaths due;
  for (const char* path : {"a", "b", "c"}) due.Schedule(path, kNoon);
  EXPECT_THAT(due.Take(kNoon, 2), ElementsAre("a", "b"));
  EXPECT_EQ(due.Next(), kNoon);
  EXPECT_THAT(due.Take(kNoon, 2), ElementsAre("c"));
}

}  // namespace
}  // namespace arkshare
