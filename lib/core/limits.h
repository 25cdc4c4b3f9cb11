// Limits that the contracts in proto/arkshare/v1 promise, for both sides of a call.
#ifndef ARKSHARE_LIB_CORE_LIMITS_H_
#define ARKSHARE_LIB_CORE_LIMITS_H_

#include <absl/status/status.h>

#include <cstdint>

namespace arkshare {

// The most items in one call, one message or one page: listings, statements, wishes, tickets.
inline constexpr int kMaxItems = 1'000;
// OK when `count` is 1 to kMaxItems, or else kInvalidField with a sentence for people.
absl::Status CheckItemCount(int count);

// The largest book that DownloadMany sends, in bytes: one piece, verified by its root.
inline constexpr uint64_t kMaxSmallBookBytes = 1024 * 1024;
// The largest range, in bytes, that may use the upload slots kept for small ones (file.proto).
inline constexpr uint64_t kMaxSmallRangeBytes = 256 * 1024;
// The most bytes in one chunk of a download (DownloadResponse.Chunk). A message of 1 MiB is also
// the fastest one measured.
inline constexpr uint64_t kMaxChunkBytes = 1024 * 1024;

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_LIMITS_H_
