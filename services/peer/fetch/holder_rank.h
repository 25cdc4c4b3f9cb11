// Which holder is likely to deliver first.
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

// A peer that has a book, as the index names it, and what is known of the way to it.
struct BookHolder {
  uint32_t peer_id = 0;
  PublicKey key;
  std::string address;
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
};

// How long `bytes` from this holder will take: round_trip + bytes / goodput, where goodput is at
// most its upload_limit. One whose goodput is not known is taken for as good as `assumed`, so that
// it is tried. One without a free slot counts as if it had to send the same once more before, and
// at least kSlotWait; a small range (UploadLine) does not wait for a slot.
absl::Duration ExpectedTime(const BookHolder& holder, uint64_t bytes, double assumed);

inline constexpr absl::Duration kSlotWait = absl::Seconds(1);

// Puts the one with the shortest ExpectedTime first. Unknown ones are taken for as good as the best
// known one among them. With 0 bytes the round trip alone decides, and who has no free slot comes
// after who has.
void RankHolders(std::vector<BookHolder>& holders, uint64_t bytes);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_HOLDER_RANK_H_
