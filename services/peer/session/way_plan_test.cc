#include "services/peer/session/way_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace arkshare {
namespace {

using testing::ElementsAre;
using Try = WayPlan::Try;

constexpr absl::Duration kRecheck = absl::Minutes(1);

class WayPlanTest : public testing::Test {
 protected:
  absl::Time At(int seconds) const { return start_ + absl::Seconds(seconds); }
  // The seconds within `until` in which `wanted` is tried.
  std::vector<int> TriesOf(Try wanted, const WayPlan::Situation& situation, int until) {
    std::vector<int> tries;
    for (int second = 0; second <= until; ++second) {
      if (plan_.Next(situation, At(second)) == wanted) tries.push_back(second);
    }
    return tries;
  }

  const absl::Time start_ = absl::FromUnixSeconds(1'000'000);
  WayPlan plan_{kRecheck, absl::Seconds(1)};
};

TEST_F(WayPlanTest, APeerThatIsReachedTriesNothing) {
  plan_.Begin({.reached = true}, At(0));
  EXPECT_EQ(plan_.Next({.has_relay = true}, At(0)), std::nullopt);
  EXPECT_EQ(plan_.Next({.has_relay = true}, At(100'000)), std::nullopt);
}

TEST_F(WayPlanTest, AHiddenOneTriesTheRelaySoonAndThenLessOften) {
  plan_.Begin({.reached = false, .may_be_carried = true}, At(0));
  EXPECT_THAT(TriesOf(Try::kRelay, {.has_relay = true}, 250),
              ElementsAre(0, 1, 3, 7, 15, 31, 63, 123, 183, 243));
}

TEST_F(WayPlanTest, OneThatTheIndexDoesNotReachAnyMoreTriesTheRelay) {
  plan_.Begin({.reached = true}, At(0));
  EXPECT_EQ(plan_.Next({.reached = false, .has_relay = true}, At(1)), Try::kRelay);
}

TEST_F(WayPlanTest, OneWhoseMappingDiedTriesTheRelayUntilItsNextSession) {
  plan_.Begin({.reached = true}, At(0));
  plan_.MappingDied();
  EXPECT_EQ(plan_.Next({.has_relay = true}, At(1)), Try::kRelay);
  plan_.Begin({.reached = true}, At(100));
  EXPECT_EQ(plan_.Next({.has_relay = true}, At(100)), std::nullopt);
}

TEST_F(WayPlanTest, WithoutARelayThereIsNothingToTry) {
  plan_.Begin({.reached = false}, At(0));
  EXPECT_EQ(plan_.Next({.reached = false}, At(1)), std::nullopt);
}

TEST_F(WayPlanTest, ACarriedOneTriesItsAddressLessAndLessOften) {
  plan_.Begin({.reached = true, .relayed = true}, At(0));
  EXPECT_THAT(TriesOf(Try::kAddress, {.by_relay = true, .has_relay = true}, 500),
              ElementsAre(60, 180, 420));
}

TEST_F(WayPlanTest, AMappingIsTriedOnceAndFirst) {
  plan_.Begin({.reached = false, .may_be_carried = true}, At(0));
  const WayPlan::Situation mapped = {.has_relay = true, .mapping = 1};
  EXPECT_EQ(plan_.Next(mapped, At(0)), Try::kMapping);
  EXPECT_EQ(plan_.Next(mapped, At(0)), Try::kRelay);
  EXPECT_EQ(plan_.Next(mapped, At(0)), std::nullopt);
  EXPECT_EQ(plan_.Next({.has_relay = true, .mapping = 2}, At(0)), Try::kMapping);
}

}  // namespace
}  // namespace arkshare
