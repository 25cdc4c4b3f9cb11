// Parses and formats sizes, rates and durations for people.
#ifndef ARKSHARE_LIB_CORE_BYTE_SIZE_H_
#define ARKSHARE_LIB_CORE_BYTE_SIZE_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstdint>
#include <string>

namespace arkshare {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;

// Parses a number of bytes: "0", "1048576", "20MiB", "20M" (= MiB), "1.5GiB", "100kB" (= 100,000),
// "2MB/s". The suffix "/s" is allowed and ignored. InvalidArgument says what is expected.
absl::StatusOr<uint64_t> ParseByteSize(absl::string_view text);
// Formats bytes with at most one decimal: "0 B", "1.5 KiB", "20.0 MiB".
std::string FormatByteSize(uint64_t bytes);
// Parses "10s", "1m30s", "500ms". InvalidArgument for any other text, and for zero or less.
absl::StatusOr<absl::Duration> ParsePositiveDuration(absl::string_view text);
// Formats a remaining time, rounded up to seconds: "0:07", "12:40", "1:00:03".
std::string FormatTimeLeft(absl::Duration left);
// Formats an estimate: 1, 2, 3 ... 9, then 10, 15, 20 ... of s, min or h, such as "2 min".
std::string FormatRoughTime(absl::Duration time);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_BYTE_SIZE_H_
