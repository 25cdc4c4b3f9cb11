// The tombstones of peers that are not here now.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_GRAVEYARD_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_GRAVEYARD_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>

#include "lib/core/key.h"
#include "services/index/store/number_set.h"

namespace arkshare {

// Keeps the listing numbers that are gone from an absent peer, for the peer's return. Memory is
// bounded, because tickets can name any number of listings: when the ranges of all graves together
// are too many, the oldest graves are forgotten. Pure. Not thread-safe.
class Graveyard {
 public:
  // In all graves together.
  static constexpr size_t kMaxRanges = 100'000;
  // In one grave. A larger one is forgotten itself, instead of pushing out all others.
  static constexpr size_t kMaxRangesOfGrave = kMaxRanges / 10;

  // Adds `gone` to the key's grave, which becomes the newest one. Costs as much as the smaller of
  // the two.
  void Bury(const PublicKey& key, NumberSet gone);
  // The same for one number, in logarithmic time: a call can name a thousand.
  void Bury(const PublicKey& key, uint64_t number);
  // Removes the key's grave and returns what was in it.
  NumberSet Exhume(const PublicKey& key);

  size_t range_count() const { return range_count_; }

 private:
  struct Grave {
    NumberSet gone;
    uint64_t order = 0;
  };

  // Calls add(numbers) on the key's grave, and keeps the counts and limits.
  template <typename Add>
  void AddTo(const PublicKey& key, const Add& add);

  absl::flat_hash_map<PublicKey, Grave> graves_;
  absl::btree_map<uint64_t, PublicKey> by_order_;
  uint64_t next_order_ = 1;  // 0: of no grave
  size_t range_count_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_GRAVEYARD_H_
