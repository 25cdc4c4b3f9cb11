// Estimates which holder will deliver first.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_HOLDER_RANK_H_
#define ARKSHARE_SERVICES_PEER_FETCH_HOLDER_RANK_H_

#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/key.h"
#include "lib/rpc/convert.h"

namespace arkshare {

// A peer that has a book, as the index names it, and what this peer has measured of it.
struct BookHolder {
  uint32_t peer_id = 0;
  PublicKey key;
  // "HOST:PORT"; empty when it is reached through the relay only. Of the holders that
  // Holders::Reachable returns, the target at which this one answers.
  std::string address;
  std::string relay{};  // its relayed target (lib/rpc/relayed_target.h); empty: it has none
  uint64_t listing = 0;
  BookName name;
  bool lends = false;    // its policy is to copy
  bool partial = false;  // it is still receiving the book
  // As it last told the index.
  uint64_t upload_limit = 0;  // bytes a second; 0: none
  uint32_t free_slots = 1;
  // Measured here; see Holders.
  absl::Duration round_trip = absl::InfiniteDuration();
  std::optional<double> goodput{};  // bytes a second; unknown before the first download
  bool relayed = false;             // it is reached through the relay
  bool called_back = false;         // it came when it was called, and the relay carries nothing
};

// Estimates how long `bytes` from this holder will take: round_trip + bytes / goodput, where
// goodput is at most its upload_limit, and `assumed` (bytes a second) while it is unknown. A holder
// without a free slot is expected to send the same number of bytes to another peer first, for at
// least kSlotWait; a small range (UploadLine) does not wait for a slot. Through the relay, which
// belongs to all, unknown goodput is half of `assumed`, and the estimate counts twice.
absl::Duration ExpectedTime(const BookHolder& holder, uint64_t bytes, double assumed);

inline constexpr absl::Duration kSlotWait = absl::Seconds(1);

// Sorts by ExpectedTime, the shortest first. A holder of unknown goodput counts as fast as the best
// known one, so that it is tried. With 0 bytes only the round trip decides, and a holder without a
// free slot comes after those that have one.
void RankHolders(std::vector<BookHolder>& holders, uint64_t bytes);

// Leaves out all but the first that is reached through the relay, when there is one that is reached
// directly.
void KeepFewRelayed(std::vector<BookHolder>& holders);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_HOLDER_RANK_H_
