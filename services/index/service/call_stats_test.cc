#include "services/index/service/call_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(DurationCountsTest, EachGoesIntoTheFirstBucketThatHoldsIt) {
  DurationCounts counts;
  counts.Add(absl::ZeroDuration());
  counts.Add(absl::Microseconds(10));
  counts.Add(absl::Microseconds(11));
  counts.Add(absl::Seconds(5));
  counts.Add(absl::Hours(1));
  const DurationCounts::Snapshot snapshot = counts.Read();
  EXPECT_EQ(snapshot.counts.front(), 2u);
  EXPECT_EQ(snapshot.counts[1], 1u);
  EXPECT_EQ(snapshot.counts[DurationCounts::kBounds.size() - 1], 1u);
  EXPECT_EQ(snapshot.counts.back(), 1u);
  EXPECT_EQ(snapshot.sum, absl::Hours(1) + absl::Seconds(5) + absl::Microseconds(21));
}

TEST(CallStatsTest, CountsByReasonElseByCode) {
  CallStats stats;
  stats.CountEnd(IndexMethod::kSearch, absl::OkStatus());
  stats.CountEnd(IndexMethod::kSearch, absl::OkStatus());
  stats.CountEnd(IndexMethod::kSearch, MakeError(Reason::kQueryEmpty, "nothing asked for"));
  stats.CountEnd(IndexMethod::kSearch, absl::CancelledError("gone"));
  stats.CountEnd(IndexMethod::kWatch, MakeError(Reason::kInternal, "the last of the reasons"));
  EXPECT_THAT(stats.Ends(IndexMethod::kSearch),
              ElementsAre(Pair("CANCELLED", 1), Pair("OK", 2), Pair("QUERY_EMPTY", 1)));
  EXPECT_THAT(stats.Ends(IndexMethod::kWatch), ElementsAre(Pair("INTERNAL", 1)));
  EXPECT_THAT(stats.Ends(IndexMethod::kRegister), ElementsAre());
}

TEST(CallStatsTest, ATimedCallIsCountedOnce) {
  CallStats stats;
  const CallTimer timer(&stats, IndexMethod::kUpdateOwner);
  EXPECT_TRUE(timer.End(absl::OkStatus()).ok());
  EXPECT_THAT(stats.Ends(IndexMethod::kUpdateOwner), ElementsAre(Pair("OK", 1)));
  uint64_t count = 0;
  for (const uint64_t one : stats.Durations(IndexMethod::kUpdateOwner).counts) count += one;
  EXPECT_EQ(count, 1u);
}

}  // namespace
}  // namespace arkshare
