#include "services/peer/serve/call_budget.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/core/limits.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using Kind = CallBudget::Kind;

// Begins calls until one is refused, and returns how many began.
size_t Fill(CallBudget& budget, Kind kind, const std::string& peer,
            std::vector<CallerShares::Share>& calls) {
  size_t begun = 0;
  while (true) {
    absl::StatusOr<CallerShares::Share> call = budget.Begin(kind, peer);
    if (!call.ok()) {
      EXPECT_EQ(ReasonOf(call.status()), "QUEUE_FULL");
      EXPECT_TRUE(GetRetryAfter(call.status()).has_value());
      return begun;
    }
    calls.push_back(*std::move(call));
    ++begun;
  }
}

TEST(CallBudgetTest, ANetworkLeavesRoomForOthers) {
  CallBudget budget(100);
  std::vector<CallerShares::Share> calls;
  EXPECT_EQ(Fill(budget, Kind::kUpload, "ipv4:10.0.0.1:5000", calls), 100U);
  EXPECT_EQ(Fill(budget, Kind::kUpload, "ipv4:10.0.0.1:5001", calls), 0U) << "another connection";
  EXPECT_EQ(Fill(budget, Kind::kUpload, "ipv4:10.0.0.2:5000", calls), 50U) << "all have 150";
}

TEST(CallBudgetTest, KindsDoNotTakeEachOthersPlaces) {
  CallBudget budget(10);
  std::vector<CallerShares::Share> calls;
  const std::string peer = "ipv6:%5B2001:db8::1%5D:5000";
  EXPECT_EQ(Fill(budget, Kind::kUpload, peer, calls), 10U);
  EXPECT_EQ(Fill(budget, Kind::kWatch, peer, calls), kMaxPieceWatchersOfNetwork);
  EXPECT_EQ(Fill(budget, Kind::kShort, peer, calls), kMaxShortCallsOfNetwork);
  EXPECT_LT(calls.size(), budget.server_bounds().most_of_network);
  calls.clear();
  EXPECT_EQ(Fill(budget, Kind::kUpload, peer, calls), 10U);
}

}  // namespace
}  // namespace arkshare
