// The numbers of peers that are in the log.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_STORED_NUMBERS_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_STORED_NUMBERS_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "lib/core/key.h"

namespace arkshare {

// The key that has a number, or had it last.
struct NumberOwner {
  PublicKey key;
  int64_t revision = 0;  // that wrote it
};

// Not thread-safe.
class StoredNumbers {
 public:
  // The number belongs to the last key that it was put for.
  void Put(uint32_t number, const NumberOwner& owner);
  void Remove(uint32_t number);
  void RemoveIf(absl::FunctionRef<bool(uint32_t number)> wanted);

  std::optional<NumberOwner> OwnerOf(uint32_t number) const;
  // Returns the number that was put last for the key.
  std::optional<uint32_t> NumberOf(const PublicKey& key) const;
  // Returns the smallest number, this one or a larger one, that no key has or had last.
  uint32_t NextUnused(uint32_t number) const;
  // Returns all numbers, in order.
  std::vector<std::pair<uint32_t, NumberOwner>> All() const;

 private:
  absl::btree_map<uint32_t, NumberOwner> owners_;
  // All numbers from 1 up to this one have owners: a peer that registers does not count them all.
  uint32_t full_to_ = 0;
  absl::flat_hash_map<PublicKey, uint32_t> by_key_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_STORED_NUMBERS_H_
