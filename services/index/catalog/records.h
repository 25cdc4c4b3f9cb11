// The plain values that the parts of the index pass to each other.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_RECORDS_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_RECORDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "arkshare/v1/types.pb.h"
#include "lib/core/key.h"
#include "lib/rpc/convert.h"
#include "services/index/store/book_keys.h"

namespace arkshare {

// A live peer, as clients see it.
struct PeerInfo {
  uint32_t peer_id = 0;
  PublicKey key;
  std::string address;    // "HOST:PORT"; empty: it is reached through the relay only
  bool loopback = false;  // the address is valid on the index's own machine only
  v1::SharePolicy policy = v1::SHARE_POLICY_UNSPECIFIED;
  uint32_t free_slots = 0;
  uint64_t upload_limit = 0;  // bytes a second; 0 means no limit
  // The port of the relay that carries connections to it; 0: it does not.
  uint32_t relay_port = 0;
  // Where others in its network reach it, "IP:PORT", and the network from which it announces; see
  // NetworkOfCaller. Both are empty when it has said no such address.
  std::string local_address{};
  std::string network{};
};

struct PeerSummary {
  PeerInfo info;
  uint64_t book_count = 0;  // whole ones
  bool listed = false;      // its books are visible
};

// A statement of a peer about one of its listings: present, or gone.
struct StatementRecord {
  uint64_t number = 0;
  std::optional<BookListing> present;  // its number is `number`
  BookKeys keys;                       // of the listing that is present

  static StatementRecord Present(BookListing listing) {
    const uint64_t number = listing.number;
    BookKeys keys(listing.name, listing.content);
    return {number, std::move(listing), std::move(keys)};
  }
  static StatementRecord Gone(uint64_t number) { return {number, std::nullopt, {}}; }
};

// A move: the source's listing is gone, the receiver's is present.
struct OwnerChange {
  PublicKey source;
  uint64_t source_listing = 0;
  StatementRecord receiver;  // present
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_RECORDS_H_
