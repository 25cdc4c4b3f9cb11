#include "lib/core/byte_size.h"

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

namespace arkshare {
namespace {

struct Unit {
  absl::string_view name;
  uint64_t bytes;
};

constexpr Unit kUnits[] = {
    {"", 1},
    {"B", 1},
    {"K", uint64_t{1} << 10},
    {"k", uint64_t{1} << 10},
    {"KiB", uint64_t{1} << 10},
    {"M", uint64_t{1} << 20},
    {"MiB", uint64_t{1} << 20},
    {"G", uint64_t{1} << 30},
    {"GiB", uint64_t{1} << 30},
    {"T", uint64_t{1} << 40},
    {"TiB", uint64_t{1} << 40},
    {"kB", 1'000},
    {"KB", 1'000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
};

// With one more digit, a fraction of a TiB would not fit into 64 bits.
constexpr size_t kMaxFractionDigits = 6;

absl::string_view TakeDigits(absl::string_view& text) {
  const auto* end = std::find_if_not(text.begin(), text.end(), absl::ascii_isdigit);
  const absl::string_view digits = text.substr(0, static_cast<size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

std::optional<uint64_t> Parse(absl::string_view text) {
  absl::ConsumeSuffix(&text, "/s");
  const absl::string_view whole_digits = TakeDigits(text);
  absl::string_view fraction_digits;
  if (absl::ConsumePrefix(&text, ".")) {
    fraction_digits = TakeDigits(text);
    if (fraction_digits.empty() || fraction_digits.size() > kMaxFractionDigits) return std::nullopt;
  }
  if (text.size() > 1) absl::ConsumePrefix(&text, " ");
  uint64_t whole = 0;
  if (!absl::SimpleAtoi(whole_digits, &whole)) return std::nullopt;
  const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [&](const Unit& u) { return u.name == text; });
  if (unit == std::end(kUnits)) return std::nullopt;

  uint64_t fraction = 0;
  if (!fraction_digits.empty()) {
    if (unit->bytes == 1 || !absl::SimpleAtoi(fraction_digits, &fraction)) return std::nullopt;
    fraction *= unit->bytes;
    for (size_t i = 0; i < fraction_digits.size(); ++i) fraction /= 10;
  }
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  if (whole > (kMost - fraction) / unit->bytes) return std::nullopt;
  return whole * unit->bytes + fraction;
}

}  // namespace

absl::StatusOr<uint64_t> ParseByteSize(absl::string_view text) {
  const std::optional<uint64_t> bytes = Parse(text);
  if (!bytes.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", absl::CHexEscape(text),
                     "\" is not a size: write bytes like 1048576, or a number with a unit like "
                     "20MiB, 1.5GiB or 100kB"));
  }
  return *bytes;
}

std::string FormatByteSize(uint64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  constexpr absl::string_view kNames[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // 1023.95 or more would be printed as 1024.0.
  while (value >= 1023.95 && unit + 1 < std::size(kNames)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kNames[unit]);
}

absl::StatusOr<absl::Duration> ParsePositiveDuration(absl::string_view text) {
  absl::Duration duration;
  // ParseDuration would also accept "inf" and signs.
  if (text.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(text[0])) ||
      !absl::ParseDuration(text, &duration) || duration <= absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", absl::CHexEscape(text),
                     "\" is not a positive duration: write one like 10s, 1m30s or 500ms"));
  }
  return duration;
}

std::string FormatTimeLeft(absl::Duration left) {
  if (left == absl::InfiniteDuration()) return "--:--";
  // Rounds up: 0:00 means done.
  const int64_t seconds =
      absl::ToInt64Seconds(absl::Ceil(std::max(left, absl::ZeroDuration()), absl::Seconds(1)));
  if (seconds < 3600) return absl::StrFormat("%d:%02d", seconds / 60, seconds % 60);
  return absl::StrFormat("%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string FormatRoughTime(absl::Duration time) {
  if (time == absl::InfiniteDuration()) return "--";
  const double seconds = std::max(absl::ToDoubleSeconds(time), 1.0);
  const auto [count, unit] = seconds < 57.5     ? std::pair(seconds, "s")
                             : seconds < 3450.0 ? std::pair(seconds / 60, "min")
                                                : std::pair(seconds / 3600, "h");
  const int64_t step = count < 9.5 ? 1 : 5;
  const auto steps = static_cast<int64_t>(count / static_cast<double>(step) + 0.5);
  return absl::StrCat(steps * step, " ", unit);
}

}  // namespace arkshare
