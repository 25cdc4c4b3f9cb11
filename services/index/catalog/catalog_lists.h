// The peers and books of the catalog, in order.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_LISTS_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_LISTS_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/key.h"
#include "services/index/catalog/records.h"
#include "services/index/catalog/tables.h"

namespace arkshare {

// The first peers with their first books, to be printed.
struct CatalogTable {
  struct Row {
    PeerSummary peer;
    std::vector<std::string> first_books;  // the oldest listings, in order of name
  };
  std::vector<Row> rows;
  size_t peer_count = 0;        // live ones
  size_t connection_count = 0;  // live ones whose Announce stream is open
};

// Thread-safe. Shares the lock of the tables.
class CatalogLists {
 public:
  explicit CatalogLists(const Tables* tables) : tables_(tables) {}

  // Returns live peers with a larger id than `after`, in order.
  std::vector<PeerSummary> ListPeers(uint32_t after, size_t most) const;
  // The same, of those with a PeerInfo::local_address and this network.
  std::vector<PeerSummary> ListPeersOf(const std::string& network, uint32_t after,
                                       size_t most) const;
  std::optional<PeerSummary> FindPeer(uint32_t peer_id) const;
  std::optional<PeerSummary> FindPeer(const PublicKey& key) const;
  // Returns the visible books of a live peer after (name, number), in order. PEER_UNKNOWN.
  absl::StatusOr<std::vector<BookListing>> ListBooks(uint32_t peer_id,
                                                     const std::pair<std::string, uint64_t>& after,
                                                     size_t most) const;
  CatalogTable Table(size_t most_peers, size_t most_books) const;

 private:
  // Puts some more of a peer's books in order; does nothing when the peer is not here.
  void OrderSome(uint32_t peer_id) const;

  const Tables* const tables_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_LISTS_H_
