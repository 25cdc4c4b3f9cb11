// The shelves of the live peers, by number and by key. Guarded by Tables::mutex.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_SHELVES_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_SHELVES_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/core/key.h"
#include "services/index/catalog/records.h"
#include "services/index/catalog/shelf.h"

namespace arkshare {

using ShelfPtr = std::shared_ptr<Shelf>;

class Shelves {
 public:
  // Takes the place of a shelf with the same number.
  void Add(const ShelfPtr& shelf);
  void Remove(const ShelfPtr& shelf);

  // Null when there is none.
  ShelfPtr Find(uint32_t peer_id) const;
  ShelfPtr Find(const PublicKey& key) const;
  // Returns at most `most` peers with a larger number than `after`, in order.
  // With `network`, only those of it that have a local address.
  std::vector<PeerSummary> List(uint32_t after, size_t most,
                                const std::string* network = nullptr) const;

  const absl::btree_map<uint32_t, ShelfPtr>& by_id() const { return by_id_; }

 private:
  absl::btree_map<uint32_t, ShelfPtr> by_id_;
  absl::flat_hash_map<PublicKey, ShelfPtr> by_key_;
};

inline void Shelves::Add(const ShelfPtr& shelf) {
  by_id_[shelf->info.peer_id] = shelf;
  by_key_[shelf->info.key] = shelf;
}

inline void Shelves::Remove(const ShelfPtr& shelf) {
  // The number may belong to another session already.
  if (const auto place = by_id_.find(shelf->info.peer_id);
      place != by_id_.end() && place->second == shelf) {
    by_id_.erase(place);
  }
  by_key_.erase(shelf->info.key);
}

inline ShelfPtr Shelves::Find(uint32_t peer_id) const {
  const auto place = by_id_.find(peer_id);
  return place == by_id_.end() ? nullptr : place->second;
}

inline ShelfPtr Shelves::Find(const PublicKey& key) const {
  const auto place = by_key_.find(key);
  return place == by_key_.end() ? nullptr : place->second;
}

inline std::vector<PeerSummary> Shelves::List(uint32_t after, size_t most,
                                              const std::string* network) const {
  std::vector<PeerSummary> peers;
  for (auto place = by_id_.upper_bound(after); place != by_id_.end() && peers.size() < most;
       ++place) {
    const PeerInfo& info = place->second->info;
    if (network != nullptr && (info.network != *network || info.local_address.empty())) continue;
    peers.push_back(place->second->Summary());
  }
  return peers;
}

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_SHELVES_H_
