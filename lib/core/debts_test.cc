#include "lib/core/debts.h"

#include <gtest/gtest.h>

#include <string>

namespace arkshare {
namespace {

const absl::Time kStart = absl::UnixEpoch();

TEST(DebtsTest, ACallerThatOwesTooMuchWaitsUntilEnoughIsPaid) {
  Debts debts(absl::Seconds(10));
  debts.Charge("a", absl::Seconds(10), kStart);
  EXPECT_EQ(debts.Wait("a", kStart), absl::ZeroDuration());
  debts.Charge("a", absl::Seconds(10), kStart);
  EXPECT_EQ(debts.Wait("a", kStart), absl::Seconds(10));
  EXPECT_EQ(debts.Wait("b", kStart), absl::ZeroDuration());
  EXPECT_EQ(debts.Wait("a", kStart + absl::Seconds(4)), absl::Seconds(6));
  EXPECT_EQ(debts.Wait("a", kStart + absl::Seconds(10)), absl::ZeroDuration());
  debts.Charge("a", absl::Seconds(1), kStart + absl::Minutes(1));
  EXPECT_EQ(debts.Wait("a", kStart + absl::Minutes(1)), absl::ZeroDuration());
}

TEST(DebtsTest, PaidDebtsAreForgotten) {
  Debts debts(absl::Seconds(1));
  for (int i = 0; i < 100'000; ++i) {
    debts.Charge(std::to_string(i), absl::Seconds(1), kStart + i * absl::Milliseconds(10));
  }
  EXPECT_LT(debts.size(), 3'000u);
}

}  // namespace
}  // namespace arkshare
