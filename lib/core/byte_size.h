// Sizes and rates as people write them.
#ifndef ARKSHARE_LIB_CORE_BYTE_SIZE_H_
#define ARKSHARE_LIB_CORE_BYTE_SIZE_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstdint>
#include <string>

namespace arkshare {

// "0", "1048576", "20MiB", "20M" (= MiB), "1.5GiB", "100kB" (= 1000), "2MB/s": bytes. The suffix
// "/s" is allowed and ignored. InvalidArgument says what is expected.
absl::StatusOr<uint64_t> ParseByteSize(absl::string_view text);
// "0 B", "1.5 KiB", "20.0 MiB": at most one decimal.
std::string FormatByteSize(uint64_t bytes);
// "10s", "1m30s", "500ms". InvalidArgument for anything else, zero or less.
absl::StatusOr<absl::Duration> ParsePositiveDuration(absl::string_view text);
// "0:07", "12:40", "1:00:03": for a time that is left.
std::string FormatTimeLeft(absl::Duration left);
// "2 min", as one says it: to 1, 2, 3 ... 9, then 10, 15, 20 ... of s, min or h; for estimates.
std::string FormatRoughTime(absl::Duration time);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_BYTE_SIZE_H_
