#include "lib/core/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

TEST(LimitsTest, OneToAThousandItemsAreAccepted) {
  EXPECT_TRUE(CheckItemCount(1).ok());
  EXPECT_TRUE(CheckItemCount(1'000).ok());
}

TEST(LimitsTest, NoItemsOrTooManyAreRefusedWithBothNumbers) {
  for (const int count : {0, 1'001}) {
    const absl::Status refused = CheckItemCount(count);
    EXPECT_EQ(GetReason(refused), Reason::kInvalidField);
    EXPECT_THAT(refused.message(), testing::HasSubstr("1000"));
    EXPECT_THAT(refused.message(), testing::HasSubstr(std::to_string(count)));
  }
}

}  // namespace
}  // namespace arkshare
