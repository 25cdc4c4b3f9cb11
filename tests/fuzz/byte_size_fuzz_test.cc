// Sizes and durations from options and configuration files.
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <gtest/gtest.h>

#include <string>

#include "lib/core/byte_size.h"
#include "tests/fuzz/mutator.h"

namespace arkshare {
namespace {

using namespace std::string_literals;

TEST(ByteSizeFuzz, WhatIsTakenIsASize) {
  Mutator inputs(5, {"0", "1048576", "20MiB", "1.5GiB", "100kB", "2MB/s", "16777215TiB", "1 KiB"},
                 {"0", "9", "18446744073709551615", ".", "1", "K", "M", "iB", "B", "/s", " ", "-",
                  "+", "e5", "x", "\0"s, "\xff"});
  uint64_t taken = 0;
  const uint64_t rounds = FuzzRounds(300'000);
  for (uint64_t i = 0; i < rounds && !HasFailure(); ++i) {
    const std::string text = inputs.Next();
    const absl::StatusOr<uint64_t> bytes = ParseByteSize(text);
    if (!bytes.ok()) {
      EXPECT_EQ(bytes.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    ++taken;
    ASSERT_FALSE(text.empty());
    EXPECT_EQ(text.find_first_not_of("0123456789.kKMGTiB/s "), std::string::npos) << text;
    EXPECT_TRUE(absl::ascii_isdigit(static_cast<unsigned char>(text[0]))) << text;
    // Never less than the number before the unit.
    uint64_t number = 0;
    ASSERT_TRUE(absl::SimpleAtoi(text.substr(0, text.find_first_not_of("0123456789")), &number));
    EXPECT_GE(*bytes, number) << text;
    if (!absl::EndsWith(text, "/s")) {
      EXPECT_EQ(*ParseByteSize(text + "/s"), *bytes);
    }
  }
  EXPECT_GT(taken, rounds / 20);
}

TEST(ByteSizeFuzz, WhatIsPrintedIsReadAgain) {
  Mutator random(6, {""}, {""});
  for (uint64_t i = FuzzRounds(100'000); i > 0 && !HasFailure(); --i) {
    // Up to 1 PiB: sizes beyond are printed in units that people do not type.
    const uint64_t bytes = random.Below(uint64_t{1} << random.Below(50));
    const std::string text = FormatByteSize(bytes);
    const absl::StatusOr<uint64_t> again = ParseByteSize(text);
    ASSERT_TRUE(again.ok()) << text;
    EXPECT_NEAR(static_cast<double>(*again), static_cast<double>(bytes),
                0.051 * static_cast<double>(bytes) + 1)
        << text;
  }
}

TEST(DurationFuzz, WhatIsTakenIsPositive) {
  Mutator inputs(7, {"10s", "1m30s", "500ms", "1.5h", "0", "inf"},
                 {"-", "+", "h", "m", "s", "us", "ns", ".", "0", "99999999999", "inf", " ", "\0"s});
  uint64_t taken = 0;
  for (uint64_t i = FuzzRounds(200'000); i > 0 && !HasFailure(); --i) {
    const absl::StatusOr<absl::Duration> duration = ParsePositiveDuration(inputs.Next());
    if (!duration.ok()) continue;
    ++taken;
    EXPECT_GT(*duration, absl::ZeroDuration());
    EXPECT_LT(*duration, absl::InfiniteDuration());
    EXPECT_FALSE(FormatTimeLeft(*duration).empty());
  }
  EXPECT_GT(taken, 1'000u);
}

}  // namespace
}  // namespace arkshare
