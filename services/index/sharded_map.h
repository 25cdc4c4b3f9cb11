// A hash map that never stops to grow all of itself at once.
#ifndef ARKSHARE_SERVICES_INDEX_SHARDED_MAP_H_
#define ARKSHARE_SERVICES_INDEX_SHARDED_MAP_H_

#include <absl/container/flat_hash_map.h>
#include <absl/hash/hash.h>

#include <array>
#include <cstddef>
#include <utility>

namespace arkshare {

// Moving a million entries to a larger table takes a third of a second, during which a lock is
// held; moving one of 256 parts takes a millisecond. Not thread-safe.
template <typename Key, typename Value>
class ShardedMap {
 public:
  // Null when there is none. Pointers hold until the next change.
  Value* Find(const Key& key) {
    Shard& shard = ShardOf(key);
    const auto place = shard.find(key);
    return place == shard.end() ? nullptr : &place->second;
  }
  const Value* Find(const Key& key) const { return const_cast<ShardedMap*>(this)->Find(key); }
  // The value of the key, made when it is not there.
  Value& operator[](const Key& key) { return ShardOf(key)[key]; }
  void Erase(const Key& key) { ShardOf(key).erase(key); }

  size_t size() const {
    size_t size = 0;
    for (const Shard& shard : shards_) size += shard.size();
    return size;
  }
  // Calls visit(value) for each, in no order.
  template <typename Visit>
  void ForEach(Visit visit) {
    for (Shard& shard : shards_) {
      for (auto& [key, value] : shard) visit(value);
    }
  }

 private:
  using Shard = absl::flat_hash_map<Key, Value>;

  // By the highest bits: the shards themselves use the others.
  Shard& ShardOf(const Key& key) {
    return shards_[absl::Hash<Key>{}(key) >> (8 * sizeof(size_t) - 8)];
  }

  std::array<Shard, 256> shards_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SHARDED_MAP_H_
