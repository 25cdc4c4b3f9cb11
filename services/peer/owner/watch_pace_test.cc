#include "services/peer/owner/watch_pace.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

using News = WatchPace::News;

constexpr absl::Time kBegin = absl::UnixEpoch();
absl::Time At(int64_t milliseconds) { return kBegin + absl::Milliseconds(milliseconds); }

TEST(WatchPaceTest, NewsIsSentAtOnceAfterAQuietTime) {
  WatchPace pace(kBegin);
  EXPECT_EQ(pace.UntilLook(News::kSome, At(300)), absl::ZeroDuration());
  EXPECT_EQ(pace.UntilLook(News::kUrgent, At(40)), absl::ZeroDuration());
}

TEST(WatchPaceTest, ThereAreFourMessagesASecondAndMoreForUrgentNews) {
  const struct {
    News news;
    int64_t now, wait;  // milliseconds after the last message
  } cases[] = {{News::kSome, 0, 250},   {News::kSome, 100, 150}, {News::kSome, 250, 0},
               {News::kUrgent, 0, 40},  {News::kUrgent, 30, 10}, {News::kUrgent, 50, 0},
               {News::kNone, 250, 750}, {News::kNone, 1000, 0}};
  for (const auto& one : cases) {
    WatchPace pace(kBegin);
    EXPECT_EQ(pace.UntilLook(one.news, At(one.now)), absl::Milliseconds(one.wait)) << one.now;
  }
}

TEST(WatchPaceTest, RingsThatBringNothingCostALookEvery20Milliseconds) {
  WatchPace pace(kBegin);
  pace.Looked(/*found=*/false, /*moving=*/false, At(500));
  EXPECT_EQ(pace.UntilLook(News::kSome, At(501)), absl::Milliseconds(19));
  EXPECT_EQ(pace.UntilLook(News::kUrgent, At(501)), absl::Milliseconds(19));
}

TEST(WatchPaceTest, WhileBytesMoveItLooksWithoutABell) {
  WatchPace pace(kBegin);
  pace.Looked(/*found=*/true, /*moving=*/true, At(500));
  EXPECT_EQ(pace.UntilLook(News::kNone, At(500)), absl::Milliseconds(250));
  pace.Looked(/*found=*/false, /*moving=*/false, At(750));
  EXPECT_EQ(pace.UntilLook(News::kNone, At(750)), absl::Seconds(1));
}

TEST(WatchPaceTest, ASignIsDueAfterTenQuietSeconds) {
  WatchPace pace(kBegin);
  pace.Looked(/*found=*/true, /*moving=*/false, At(2'000));
  pace.Looked(/*found=*/false, /*moving=*/false, At(11'000));
  EXPECT_FALSE(pace.SignIsDue(At(11'999)));
  EXPECT_TRUE(pace.SignIsDue(At(12'000)));
  pace.SignSent(At(12'000));
  EXPECT_FALSE(pace.SignIsDue(At(13'000)));
}

}  // namespace
}  // namespace arkshare
