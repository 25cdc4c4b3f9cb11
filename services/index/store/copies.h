// The peers that have an edition.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_COPIES_H_
#define ARKSHARE_SERVICES_INDEX_STORE_COPIES_H_

#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>

#include "services/index/store/block_pool.h"

namespace arkshare {

// A peer's listing of an edition: twelve bytes.
class Copy {
 public:
  Copy() = default;
  Copy(uint32_t shelf_slot, uint64_t listing_number)
      : shelf(shelf_slot),
        low_(static_cast<uint32_t>(listing_number)),
        high_(static_cast<uint32_t>(listing_number >> 32)) {}
  uint64_t number() const { return uint64_t{high_} << 32 | low_; }
  // Returns whether the copy was removed and only keeps its place. Listing numbers begin at 1.
  bool gone() const { return (low_ | high_) == 0; }
  bool operator==(const Copy&) const = default;

  uint32_t shelf = 0;

 private:
  uint32_t low_ = 0;
  uint32_t high_ = 0;
};

// The only copy, or the address of an array of them: twelve bytes. When there are very many, most
// are in order of shelves, so that removing one copy of a popular book is fast. Not thread-safe.
class Copies {
 public:
  Copies() = default;
  explicit Copies(const Copy& only) : only_(only) {}

  size_t count() const;
  // When there are very many, some may be gone (Copy::gone).
  absl::Span<const Copy> all() const;
  // Fetches the first ones into the cache.
  void Prefetch() const;

  void Add(const Copy& copy, BlockPool& pool);
  // Returns whether the copy was there. Requires at least two copies.
  bool Remove(const Copy& copy, BlockPool& pool);

 private:
  struct Array;

  Array* array() const;  // null when there is one copy
  void MoveTo(size_t capacity, BlockPool& pool);

  Copy only_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_COPIES_H_
