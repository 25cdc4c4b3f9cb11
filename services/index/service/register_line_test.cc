#include "services/index/service/register_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Place = RegisterLine::Place;

class RegisterLineTest : public testing::Test {
 protected:
  // The places that one network can have at work.
  static constexpr size_t kHalf = RegisterLine::kMostAtWork / 2;

  absl::Status Enter(const Place& place) {
    return line_.RunInTurn(place, [this, place] { begun_.push_back(place); });
  }
  // A registration of a peer with an address of its own.
  absl::Status Enter(const std::string& network) {
    return Enter(Place{network, network + ":" + std::to_string(++last_port_)});
  }
  // Takes all places that the network can have.
  void Fill(const std::string& network) {
    for (size_t i = 0; i < kHalf; ++i) ASSERT_TRUE(Enter(network).ok());
    ASSERT_THAT(begun_, SizeIs(kHalf));
    at_work_ = std::exchange(begun_, {});
  }
  // Ends the turn that has been at work for longest.
  void EndOne() {
    const Place place = at_work_.front();
    at_work_.erase(at_work_.begin());
    line_.EndTurn(place);
  }
  std::vector<std::string> NetworksBegun() const {
    std::vector<std::string> networks;
    for (const Place& place : begun_) networks.push_back(place.network);
    return networks;
  }

  FakeClock clock_;
  RegisterLine line_{&clock_};
  std::vector<Place> begun_;
  std::vector<Place> at_work_;
  int last_port_ = 0;
};

TEST_F(RegisterLineTest, ARegistrationWaitsWhenAllPlacesAreTaken) {
  Fill("a");
  ASSERT_TRUE(Enter(Place{"a", "first"}).ok());
  ASSERT_TRUE(Enter(Place{"a", "second"}).ok());
  EXPECT_THAT(begun_, IsEmpty());
  EndOne();
  ASSERT_THAT(begun_, SizeIs(1));
  EXPECT_EQ(begun_[0].address, "first");
  EndOne();
  ASSERT_THAT(begun_, SizeIs(2));
  EXPECT_EQ(begun_[1].address, "second");
  EndOne();
  ASSERT_TRUE(Enter("a").ok());
  EXPECT_THAT(begun_, SizeIs(3));
}

TEST_F(RegisterLineTest, ANetworkAlwaysLeavesPlacesForOthers) {
  for (const std::string network : {"a", "b", "c", "d", "e"}) {
    for (int i = 0; i < 500; ++i) Enter(network).IgnoreError();
    EXPECT_EQ(NetworksBegun().back(), network) << "one that comes later begins at once";
  }
  EXPECT_LT(begun_.size(), RegisterLine::kMostAtWork);
}

TEST_F(RegisterLineTest, NetworksThatWaitTakeTurns) {
  Fill("a");
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Enter("a").ok());
  // Another one, until it has to wait as well.
  while (NetworksBegun().size() < kHalf / 2) ASSERT_TRUE(Enter("b").ok());
  begun_.clear();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Enter("b").ok());
  for (int i = 0; i < 40; ++i) EndOne();
  const std::vector<std::string> networks = NetworksBegun();
  EXPECT_GE(std::count(networks.begin(), networks.end(), "b"), 10);
}

TEST_F(RegisterLineTest, APortThatSaysNothingHoldsUpNoOther) {
  const Place silent{"a", "silent"};
  size_t accepted = 0;
  for (int i = 0; i < 10'000; ++i) accepted += Enter(silent).ok() ? 1 : 0;
  EXPECT_EQ(accepted, RegisterLine::kMostAtAddress + RegisterLine::kMostWaitingForAddress);
  EXPECT_THAT(begun_, SizeIs(RegisterLine::kMostAtAddress));
  clock_.Advance(2 * RegisterLine::kMostWait);
  ASSERT_TRUE(Enter(Place{"a", "honest"}).ok());
  EXPECT_EQ(begun_.back().address, "honest");
  // Another network that names this address does not make it wait.
  for (int i = 0; i < 10; ++i) Enter(Place{"b", "honest"}).IgnoreError();
  ASSERT_TRUE(Enter(Place{"a", "honest"}).ok());
  EXPECT_EQ(begun_.back().network, "a");
  EXPECT_EQ(begun_.back().address, "honest");
}

TEST_F(RegisterLineTest, ARegistrationThatWouldBeRefusedIsToldSoBefore) {
  const Place silent{"a", "silent"};
  constexpr size_t kFull = RegisterLine::kMostAtAddress + RegisterLine::kMostWaitingForAddress;
  for (size_t i = 0; i < kFull; ++i) {
    EXPECT_TRUE(line_.CheckRoom(silent).ok());
    ASSERT_TRUE(Enter(silent).ok());
  }
  const absl::Status refused = line_.CheckRoom(silent);
  EXPECT_EQ(GetReason(refused), Reason::kLimitExceeded);
  EXPECT_TRUE(GetRetryAfter(refused).has_value());
  EXPECT_EQ(GetReason(Enter(silent)), Reason::kLimitExceeded);
  EXPECT_TRUE(line_.CheckRoom({"a", "other"}).ok());
  line_.EndTurn(silent);
  EXPECT_TRUE(line_.CheckRoom(silent).ok());
}

TEST_F(RegisterLineTest, ARegistrationThatWouldWaitLongLearnsWhenToComeBack) {
  Fill("a");
  ASSERT_TRUE(Enter("a").ok());
  clock_.Advance(RegisterLine::kMostWait);
  const absl::Status first = Enter("a");
  const absl::Status second = Enter("a");
  EXPECT_EQ(GetReason(first), Reason::kLimitExceeded);
  ASSERT_TRUE(GetRetryAfter(first).has_value());
  EXPECT_GT(*GetRetryAfter(first), RegisterLine::kMostWait);
  EXPECT_GT(*GetRetryAfter(second), *GetRetryAfter(first)) << "one after the other";
  EXPECT_TRUE(Enter("b").ok()) << "of another network";
  begun_.clear();
  EndOne();
  EXPECT_THAT(begun_, SizeIs(1));
  ASSERT_TRUE(Enter("a").ok()) << "the line is short again";
}

TEST_F(RegisterLineTest, RefusedRegistrationsComeBackAsFastAsTurnsEnd) {
  Fill("a");
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(Enter("a").ok());
  for (int i = 0; i < 500; ++i) {
    clock_.Advance(absl::Milliseconds(4));
    EndOne();
    at_work_.push_back(begun_.back());
  }
  const absl::Duration first = *GetRetryAfter(Enter("a"));
  const absl::Duration spacing = *GetRetryAfter(Enter("a")) - first;
  EXPECT_GT(spacing, absl::Milliseconds(3));
  EXPECT_LT(spacing, absl::Milliseconds(5));
}

TEST_F(RegisterLineTest, ItIsNotCrowdedWhenTheLineIsEmpty) {
  Fill("a");
  EXPECT_TRUE(line_.CheckNotCrowded("a").ok());
  ASSERT_TRUE(Enter("a").ok());
  EXPECT_TRUE(GetRetryAfter(line_.CheckNotCrowded("a")).has_value());
  EXPECT_TRUE(line_.CheckNotCrowded("b").ok());
  EndOne();
  EXPECT_TRUE(line_.CheckNotCrowded("a").ok());
}

TEST_F(RegisterLineTest, PromisedTimesStayNear) {
  Fill("a");
  ASSERT_TRUE(Enter("a").ok());
  clock_.Advance(RegisterLine::kMostWait);
  for (int i = 0; i < 100'000; ++i) Enter("a").IgnoreError();
  EXPECT_LE(*GetRetryAfter(Enter("a")), absl::Seconds(10));
}

}  // namespace
}  // namespace arkshare
