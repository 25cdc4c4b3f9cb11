#include "services/index/service/register_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RegisterLineTest : public testing::Test {
 protected:
  absl::Status Enter(int number, bool has_work = true) {
    return line_.RunInTurn([this, number, has_work] {
      begun_.push_back(number);
      return has_work;
    });
  }
  // Takes all places.
  void Fill() {
    for (size_t i = 0; i < RegisterLine::kMostAtWork; ++i) ASSERT_TRUE(Enter(-1).ok());
    ASSERT_EQ(begun_.size(), RegisterLine::kMostAtWork);
    begun_.clear();
  }

  FakeClock clock_;
  RegisterLine line_{&clock_};
  std::vector<int> begun_;
};

TEST_F(RegisterLineTest, ARegistrationWaitsWhenAllPlacesAreTaken) {
  Fill();
  ASSERT_TRUE(Enter(1).ok());
  ASSERT_TRUE(Enter(2).ok());
  EXPECT_THAT(begun_, IsEmpty());
  line_.EndTurn();
  EXPECT_THAT(begun_, ElementsAre(1));
  line_.EndTurn();
  EXPECT_THAT(begun_, ElementsAre(1, 2));
  line_.EndTurn();
  ASSERT_TRUE(Enter(3).ok());
  EXPECT_THAT(begun_, ElementsAre(1, 2, 3));
}

TEST_F(RegisterLineTest, ATurnWithoutWorkPassesItsPlaceOn) {
  Fill();
  ASSERT_TRUE(Enter(1, /*has_work=*/false).ok());
  ASSERT_TRUE(Enter(2, /*has_work=*/false).ok());
  ASSERT_TRUE(Enter(3).ok());
  line_.EndTurn();
  EXPECT_THAT(begun_, ElementsAre(1, 2, 3));
  line_.EndTurn();
  ASSERT_TRUE(Enter(4, /*has_work=*/false).ok());
  ASSERT_TRUE(Enter(5).ok());
  EXPECT_THAT(begun_, ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(RegisterLineTest, ARegistrationThatWouldWaitLongLearnsWhenToComeBack) {
  Fill();
  ASSERT_TRUE(Enter(1).ok());
  clock_.Advance(RegisterLine::kMostWait);
  const absl::Status first = Enter(2);
  const absl::Status second = Enter(3);
  EXPECT_EQ(GetReason(first), Reason::kLimitExceeded);
  ASSERT_TRUE(GetRetryAfter(first).has_value());
  EXPECT_GT(*GetRetryAfter(first), RegisterLine::kMostWait);
  EXPECT_GT(*GetRetryAfter(second), *GetRetryAfter(first)) << "one after the other";
  line_.EndTurn();
  EXPECT_THAT(begun_, ElementsAre(1));
  ASSERT_TRUE(Enter(4).ok()) << "the line is short again";
}

TEST_F(RegisterLineTest, RefusedRegistrationsComeBackAsFastAsTurnsEnd) {
  Fill();
  const auto spacing = [&] {
    const absl::Duration first = *GetRetryAfter(Enter(1));
    return *GetRetryAfter(Enter(2)) - first;
  };
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(Enter(0).ok());
  for (int i = 0; i < 500; ++i) {
    clock_.Advance(absl::Milliseconds(4));
    line_.EndTurn();
  }
  EXPECT_GT(spacing(), absl::Milliseconds(3));
  EXPECT_LT(spacing(), absl::Milliseconds(5));
}

TEST_F(RegisterLineTest, ItIsNotCrowdedWhenTheLineIsEmpty) {
  Fill();
  EXPECT_TRUE(line_.CheckNotCrowded().ok());
  ASSERT_TRUE(Enter(1).ok());
  EXPECT_TRUE(GetRetryAfter(line_.CheckNotCrowded()).has_value());
  line_.EndTurn();
  EXPECT_TRUE(line_.CheckNotCrowded().ok());
}

TEST_F(RegisterLineTest, PromisedTimesStayNear) {
  Fill();
  ASSERT_TRUE(Enter(1).ok());
  clock_.Advance(RegisterLine::kMostWait);
  for (int i = 0; i < 100'000; ++i) Enter(2).IgnoreError();
  EXPECT_LE(*GetRetryAfter(Enter(3)), absl::Seconds(10));
}

}  // namespace
}  // namespace arkshare
