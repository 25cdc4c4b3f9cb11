// Limits that proto/arkshare/v1 promises, for both sides of a call.
#ifndef ARKSHARE_LIB_CORE_LIMITS_H_
#define ARKSHARE_LIB_CORE_LIMITS_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstddef>
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
// How many refusals of Release a source remembers (file.proto): for one receiver, which is four
// full calls, and for all, which is about five MB of its ledger.
inline constexpr int64_t kMaxRefusalsOfReceiver = 4'000;
inline constexpr int64_t kMaxRefusals = 20'000;
// The most streams of FileService.WatchPieces at one peer: of one network, which is an IPv4 address
// or an IPv6 /64, and of all. Each costs a thread. Several peers may share an address, so one
// network may have two thirds.
inline constexpr size_t kMaxPieceWatchersOfNetwork = 64;
inline constexpr size_t kMaxPieceWatchersInAll = 96;
// The same for the other calls of FileService, except downloads, which have a line, and Ping, which
// is not bounded.
inline constexpr size_t kMaxShortCallsOfNetwork = 128;
inline constexpr size_t kMaxShortCallsInAll = 192;
// The range of RegisterResponse.lease. Below it, heartbeats would be the only work of a peer.
inline constexpr absl::Duration kMinLease = absl::Seconds(1);
inline constexpr absl::Duration kMaxLease = absl::Hours(24);
// The maximum numbers of holders in a SearchResponse.Result: of the whole book, and of a part of
// it.
inline constexpr int kMaxWholeHolders = 20;
inline constexpr int kMaxPartialHolders = 30;
// The results that a search returns when the request does not say how many.
inline constexpr int kStandardSearchResults = 50;
// The peers or books that a page has when the request does not say how many.
inline constexpr int kStandardListItems = 100;

// The maximum lengths of fields in an answer, in bytes.
inline constexpr size_t kMaxHostBytes = 255;  // of an address, without its port
inline constexpr size_t kMaxSessionTokenBytes = 256;
inline constexpr size_t kMaxPageTokenBytes = 4096;
// A longer text for people (a message, a reason) is cut to this.
inline constexpr size_t kMaxTextBytes = 1024;
// A longer wait that another program asks for (RetryInfo) is cut to this.
inline constexpr absl::Duration kMaxRetryAfter = absl::Minutes(5);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_LIMITS_H_
