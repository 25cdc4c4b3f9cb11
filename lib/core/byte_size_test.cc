#include "lib/core/byte_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <utility>
#include <vector>

namespace arkshare {
namespace {

TEST(ParseByteSizeTest, TakesBytesAndUnits) {
  constexpr uint64_t kKi = 1024;
  const std::pair<const char*, uint64_t> cases[] = {
      {"0", 0},
      {"1048576", 1048576},
      {"7B", 7},
      {"20MiB", 20 * kKi * kKi},
      {"20M", 20 * kKi * kKi},
      {"20 MiB", 20 * kKi * kKi},
      {"1.5GiB", 3 * kKi * kKi * kKi / 2},
      {"0.5K", 512},
      {"4k", 4096},
      {"100kB", 100'000},
      {"100KB", 100'000},
      {"2MB/s", 2'000'000},
      {"2.25MB/s", 2'250'000},
      {"10/s", 10},
      {"3T", 3 * kKi * kKi * kKi * kKi},
      {"1GB", 1'000'000'000},
      {"1TB", 1'000'000'000'000},
      {"0.000001MB", 1},
      {"18446744073709551615", std::numeric_limits<uint64_t>::max()},
      // 2^64 - 2^40, and 0.999999 of 2^40 rounded down.
      {"16777215.999999TiB", 18446742974197923840u + 1099510528264u},
  };
  for (const auto& [text, bytes] : cases) {
    const absl::StatusOr<uint64_t> parsed = ParseByteSize(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.status();
    EXPECT_EQ(*parsed, bytes) << text;
  }
}

TEST(ParseByteSizeTest, RefusesEverythingElse) {
  for (const char* text : {"",
                           " ",
                           "B",
                           "MiB",
                           "-1",
                           "+1",
                           " 1",
                           "1 ",
                           "1  B",
                           "0x10",
                           "1e6",
                           "1,000",
                           "1.5",
                           "1.5B",
                           "1.",
                           ".5M",
                           "1.M",
                           "1.2.3M",
                           "1.0000001M",
                           "20mib",
                           "20Mb",
                           "20Mi",
                           "20Q",
                           "2MB/S",
                           "2MB/sec",
                           "2MB/",
                           "/s",
                           "18446744073709551616",
                           "99999999999999999999999",
                           "16777216TiB",
                           "18446744073710MB",
                           "inf",
                           "nan",
                           "\xff",
                           "1\xE2\x80\x8A"
                           "M"}) {
    const absl::StatusOr<uint64_t> parsed = ParseByteSize(text);
    ASSERT_FALSE(parsed.ok()) << text << " was taken for " << *parsed;
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(parsed.status().message()), ::testing::HasSubstr("20MiB"));
  }
}

TEST(FormatByteSizeTest, HasAtMostOneDecimal) {
  const std::pair<uint64_t, const char*> cases[] = {
      {0, "0 B"},
      {1, "1 B"},
      {1023, "1023 B"},
      {1024, "1.0 KiB"},
      {1536, "1.5 KiB"},
      {1'048'524, "1023.9 KiB"},
      {1'048'575, "1.0 MiB"},
      {20u << 20, "20.0 MiB"},
      {uint64_t{5} << 30, "5.0 GiB"},
      {uint64_t{5} << 40, "5.0 TiB"},
      {uint64_t{5} << 50, "5.0 PiB"},
      {std::numeric_limits<uint64_t>::max(), "16.0 EiB"},
  };
  for (const auto& [bytes, text] : cases) EXPECT_EQ(FormatByteSize(bytes), text);
}

TEST(ParsePositiveDurationTest, TakesUnits) {
  EXPECT_EQ(*ParsePositiveDuration("10s"), absl::Seconds(10));
  EXPECT_EQ(*ParsePositiveDuration("1m30s"), absl::Seconds(90));
  EXPECT_EQ(*ParsePositiveDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParsePositiveDuration("1.5h"), absl::Minutes(90));
}

TEST(ParsePositiveDurationTest, RefusesEverythingElse) {
  for (const char* text : {"", "0", "0s", "-1s", "+1s", "10", "s", "ten", "inf", "-inf", "10 s",
                           "10s ", "1d", "10sx", "99999999999999999999h", "9223372036854775807h"}) {
    const absl::StatusOr<absl::Duration> parsed = ParsePositiveDuration(text);
    ASSERT_FALSE(parsed.ok()) << text << " was taken for " << *parsed;
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(FormatRoughTimeTest, RoundsAsPeopleDo) {
  const std::vector<std::pair<double, const char*>> cases = {
      {-5, "1 s"},    {0, "1 s"},        {1.4, "1 s"},         {9.4, "9 s"},
      {9.6, "10 s"},  {13, "15 s"},      {57.4, "55 s"},       {57.6, "1 min"},
      {110, "2 min"}, {9 * 60, "9 min"}, {11 * 60, "10 min"},  {3449, "55 min"},
      {3451, "1 h"},  {7200, "2 h"},     {100 * 3600, "100 h"}};
  for (const auto& [seconds, words] : cases) {
    EXPECT_EQ(FormatRoughTime(absl::Seconds(seconds)), words) << seconds;
  }
  EXPECT_EQ(FormatRoughTime(absl::InfiniteDuration()), "--");
}

TEST(FormatTimeLeftTest, RoundsUp) {
  EXPECT_EQ(FormatTimeLeft(absl::ZeroDuration()), "0:00");
  EXPECT_EQ(FormatTimeLeft(absl::Milliseconds(1)), "0:01");
  EXPECT_EQ(FormatTimeLeft(absl::Seconds(7)), "0:07");
  EXPECT_EQ(FormatTimeLeft(absl::Seconds(760)), "12:40");
  EXPECT_EQ(FormatTimeLeft(absl::Milliseconds(3'599'001)), "1:00:00");
  EXPECT_EQ(FormatTimeLeft(absl::Seconds(3603)), "1:00:03");
  EXPECT_EQ(FormatTimeLeft(absl::Hours(100)), "100:00:00");
  EXPECT_EQ(FormatTimeLeft(-absl::Seconds(5)), "0:00");
  EXPECT_EQ(FormatTimeLeft(absl::InfiniteDuration()), "--:--");
}

}  // namespace
}  // namespace arkshare
