#include "services/index/service/peer_calls.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/core/errors.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

const absl::Time kNoon = absl::UnixEpoch();

PeerSummary Reached(const std::string& address) {
  PeerSummary peer;
  peer.info.address = address;
  peer.listed = true;
  return peer;
}

TEST(PeerCallsTest, LeadOnlyToAProvenNumericAddress) {
  EXPECT_EQ(PeerCalls::AddressOf(Reached("45.45.45.1:7000")).value_or(""), "45.45.45.1:7000");
  PeerSummary hidden = Reached("45.45.45.1:7000");
  hidden.listed = false;
  for (const std::optional<PeerSummary>& caller :
       {std::optional<PeerSummary>(), std::optional(hidden), std::optional(Reached("")),
        std::optional(Reached("books.example.org:7000")), std::optional(Reached("45.45.45.1:80")),
        std::optional(Reached("169.254.169.254:7000"))}) {
    EXPECT_EQ(GetReason(PeerCalls::AddressOf(caller).status()), Reason::kAddressNotAllowed);
  }
}

TEST(PeerCallsTest, AreFewForACaller) {
  PeerCalls calls;
  int taken = 0;
  for (int i = 0; i < 100; ++i) {
    // Another network each time, as a peer could that has many.
    taken += calls.Take(TestKey(1), std::to_string(i), kNoon).ok();
  }
  EXPECT_EQ(taken, PeerCalls::kMostAtOnce);
  const absl::Status refused = calls.Take(TestKey(1), "x", kNoon);
  EXPECT_EQ(GetReason(refused), Reason::kLimitExceeded);
  EXPECT_EQ(GetRetryAfter(refused), PeerCalls::kPause);
  EXPECT_TRUE(calls.Take(TestKey(1), "x", kNoon + PeerCalls::kPause).ok());
  EXPECT_FALSE(calls.Take(TestKey(1), "x", kNoon + PeerCalls::kPause).ok());
}

TEST(PeerCallsTest, AreFewForANetwork) {
  PeerCalls calls;
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += calls.Take(TestKey(i), "10.0.0.1", kNoon).ok();
  EXPECT_EQ(taken, PeerCalls::kMostAtOnce);
  EXPECT_TRUE(calls.Take(TestKey(200), "10.0.0.2", kNoon).ok()) << "another network";
  EXPECT_TRUE(calls.Take(TestKey(99), "10.0.0.2", kNoon).ok()) << "a refused call costs nothing";
}

TEST(PeerCallsTest, OfThisMachineHaveNoNetworkToShare) {
  PeerCalls calls;
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += calls.Take(TestKey(i), "loopback", kNoon).ok();
  EXPECT_EQ(taken, 100);
}

}  // namespace
}  // namespace arkshare
