#include "services/peer/library/doubts.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

TEST(DoubtsTest, AListingIsDoubtedOnceAMinuteAndTenListingsAMinute) {
  Doubts doubts;
  const absl::Time start = absl::UnixEpoch();
  EXPECT_TRUE(doubts.Add(1, start));
  EXPECT_FALSE(doubts.Add(1, start + Doubts::kEvery));
  for (uint64_t listing = 2; listing <= Doubts::kMost; ++listing) {
    EXPECT_TRUE(doubts.Add(listing, start + absl::Seconds(1))) << listing;
  }
  EXPECT_FALSE(doubts.Add(11, start + Doubts::kEvery));
  // The first one is over; the others are not.
  EXPECT_TRUE(doubts.Add(11, start + Doubts::kEvery + absl::Nanoseconds(1)));
  EXPECT_FALSE(doubts.Add(1, start + Doubts::kEvery + absl::Nanoseconds(1)));
}

}  // namespace
}  // namespace arkshare
