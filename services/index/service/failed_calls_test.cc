// FailedDials and ForgedTickets.
#include <gtest/gtest.h>

#include <string>

#include "lib/core/errors.h"
#include "services/index/service/failed_dials.h"
#include "services/index/service/forged_tickets.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

const absl::Time kStart = absl::UnixEpoch();

TEST(FailedDialsTest, APortThatFailsAgainAndAgainWaitsAndNoOtherDoes) {
  FailedDials failed;
  const RegisterLine::Place closed{"10.0.0.1", "10.0.0.1:1"};
  const RegisterLine::Place open{"10.0.0.1", "10.0.0.1:2"};
  const RegisterLine::Place elsewhere{"10.0.0.2", "10.0.0.1:1"};
  int begun = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (!failed.Check(closed, kStart).ok()) continue;
    ++begun;
    failed.Count(closed, kStart);
  }
  EXPECT_EQ(begun, 10);
  const absl::Status refused = failed.Check(closed, kStart);
  EXPECT_EQ(GetReason(refused), Reason::kLimitExceeded);
  EXPECT_TRUE(GetRetryAfter(refused).has_value());
  EXPECT_TRUE(failed.Check(open, kStart).ok());
  EXPECT_TRUE(failed.Check(elsewhere, kStart).ok()) << "by a caller of another network";
  EXPECT_TRUE(failed.Check(closed, kStart + absl::Seconds(1)).ok());
}

TEST(FailedDialsTest, ANetworkWithManyPortsThatFailWaitsAndNoOtherDoes) {
  FailedDials failed;
  int begun = 0;
  for (int port = 1; port <= 10'000; ++port) {
    const RegisterLine::Place place{"10.0.0.1", "10.0.0.1:" + std::to_string(port)};
    if (!failed.Check(place, kStart).ok()) continue;
    ++begun;
    failed.Count(place, kStart);
  }
  EXPECT_EQ(begun, 200);
  EXPECT_TRUE(failed.Check({"10.0.0.2", "10.0.0.2:1"}, kStart).ok());
}

TEST(ForgedTicketsTest, APeerThatForgesWaitsAndNoOtherDoes) {
  ForgedTickets forged;
  forged.Count(TestKey(1), 8, kStart);
  EXPECT_TRUE(forged.Check(TestKey(1), kStart).ok());
  forged.Count(TestKey(1), 8, kStart);
  EXPECT_EQ(GetReason(forged.Check(TestKey(1), kStart)), Reason::kLimitExceeded);
  EXPECT_TRUE(forged.Check(TestKey(2), kStart).ok());
  EXPECT_TRUE(forged.Check(TestKey(1), kStart + absl::Seconds(10)).ok());
}

}  // namespace
}  // namespace arkshare
