#include "services/peer/transfer/transfer_lanes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace arkshare {
namespace {

using Lanes = TransferLanes<int>;
using LaneStep = Lanes::Step;
using testing::ElementsAre;

PublicKey Key() { return PrivateKey::Generate().public_key(); }

TEST(TransferLanesTest, ALaneIsTakenAsAWholeInItsOrder) {
  Lanes lanes(8);
  EXPECT_FALSE(lanes.ready());
  EXPECT_EQ(lanes.Take(10), std::nullopt);
  for (int i = 1; i <= 5; ++i) lanes.Add({LaneStep::kPrepare}, i);
  EXPECT_EQ(lanes.waiting({LaneStep::kPrepare}), 5U);
  EXPECT_THAT(lanes.Take(3)->items, ElementsAre(1, 2, 3));
  EXPECT_EQ(lanes.waiting({LaneStep::kPrepare}), 2U);
}

TEST(TransferLanesTest, OneThreadWorksOnALaneAtATime) {
  Lanes lanes(8);
  lanes.Add({LaneStep::kOwn}, 1);
  EXPECT_THAT(lanes.Take(10)->items, ElementsAre(1));
  lanes.Add({LaneStep::kOwn}, 2);
  lanes.Add({LaneStep::kOwn}, 3);
  EXPECT_FALSE(lanes.ready());
  EXPECT_EQ(lanes.Take(10), std::nullopt);
  lanes.Done({LaneStep::kOwn});
  EXPECT_THAT(lanes.Take(10)->items, ElementsAre(2, 3));
  lanes.Done({LaneStep::kOwn});
  EXPECT_FALSE(lanes.ready());
}

TEST(TransferLanesTest, SourcesDoNotWaitForEachOther) {
  Lanes lanes(8);
  const PublicKey a = Key();
  const PublicKey b = Key();
  lanes.Add({LaneStep::kRelease, a}, 1);
  const Lanes::Round first = *lanes.Take(10);
  EXPECT_EQ(first.lane.source, a);
  lanes.Add({LaneStep::kRelease, b}, 2);
  lanes.Add({LaneStep::kRelease, a}, 3);
  EXPECT_THAT(lanes.Take(10)->items, ElementsAre(2));
  EXPECT_FALSE(lanes.ready());
}

TEST(TransferLanesTest, LanesThatCallLeaveThreadsForTheRest) {
  Lanes lanes(2);
  for (int i = 0; i < 3; ++i) lanes.Add({LaneStep::kReport, Key()}, i);
  const Lanes::Round first = *lanes.Take(10);
  ASSERT_TRUE(lanes.Take(10));
  EXPECT_FALSE(lanes.ready()) << "two are called already";
  lanes.Add({LaneStep::kOwn}, 7);
  EXPECT_THAT(lanes.Take(10)->items, ElementsAre(7));
  lanes.Done(first.lane);
  EXPECT_TRUE(lanes.Take(10));
}

TEST(TransferLanesTest, LaterStepsAreTakenFirst) {
  Lanes lanes(8);
  lanes.Add({LaneStep::kPrepare}, 1);
  lanes.Add({LaneStep::kOwn}, 2);
  EXPECT_EQ(lanes.Take(10)->lane.step, LaneStep::kOwn);
  EXPECT_EQ(lanes.Take(10)->lane.step, LaneStep::kPrepare);
}

}  // namespace
}  // namespace arkshare
