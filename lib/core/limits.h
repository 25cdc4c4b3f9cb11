// Limits that proto/arkshare/v1 promises, for both sides of a call.
#ifndef ARKSHARE_LIB_CORE_LIMITS_H_
#define ARKSHARE_LIB_CORE_LIMITS_H_

#include <absl/status/status.h>

#include <cstdint>

namespace arkshare {

// The maximum number of items (listings, statements, wishes, tickets) in a call, message or page.
inline constexpr int kMaxItems = 1'000;
// Checks that `count` is 1 to kMaxItems; otherwise kInvalidField.
absl::Status CheckItemCount(int count);

// The largest book that DownloadMany sends, in bytes: one piece, which its root verifies.
inline constexpr uint64_t kMaxSmallBookBytes = 1024 * 1024;
// The largest range, in bytes, that may use the upload slots reserved for small ranges
// (file.proto).
inline constexpr uint64_t kMaxSmallRangeBytes = 256 * 1024;
// The maximum size of a chunk of a download (DownloadResponse.Chunk), in bytes. Messages of 1 MiB
// were the fastest measured.
inline constexpr uint64_t kMaxChunkBytes = 1024 * 1024;

// The maximum number of silent peers that one message of an Announce stream reports; the index
// ignores the others.
inline constexpr int kMaxSilentPeers = 8;

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_LIMITS_H_
