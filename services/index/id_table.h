// Finds the number of what has a key.
#ifndef ARKSHARE_SERVICES_INDEX_ID_TABLE_H_
#define ARKSHARE_SERVICES_INDEX_ID_TABLE_H_

#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace arkshare {

// A hash set of numbers; the keys stand where the numbers lead, and `KeyOf` reads them there. In
// many parts, because moving a million entries to a larger table takes a third of a second, during
// which a lock is held; moving one part takes less than a millisecond. Not thread-safe.
template <typename Key, typename KeyOf>
class IdTable {
 public:
  explicit IdTable(KeyOf key_of) : parts_(kParts, Part(0, Hash{key_of}, Equal{key_of})) {}

  std::optional<uint32_t> Find(const Key& key) const { return Find(key, absl::HashOf(key)); }
  // The same; `hash` is that of Prefetch.
  std::optional<uint32_t> Find(const Key& key, size_t hash) const {
    const Part& part = parts_[PartOf(hash)];
    const auto place = part.find(key, hash);
    if (place == part.end()) return std::nullopt;
    return *place;
  }
  // Fetches what Find reads first into the cache; yields the key's hash.
  size_t Prefetch(const Key& key) const {
    const size_t hash = absl::HashOf(key);
    parts_[PartOf(hash)].prefetch(Prehashed{hash});
    return hash;
  }
  // The key of `id` is `key`, and no other id has it.
  void Insert(const Key& key, uint32_t id) {
    const auto construct = [id](const auto& make) { make(id); };
    parts_[PartOf(absl::HashOf(key))].lazy_emplace(key, construct);
  }
  void Erase(const Key& key) {
    Part& part = parts_[PartOf(absl::HashOf(key))];
    if (const auto place = part.find(key); place != part.end()) part.erase(place);
  }

 private:
  struct Prehashed {
    size_t hash;
  };
  struct Hash {
    using is_transparent = void;
    KeyOf key_of;
    size_t operator()(uint32_t id) const { return absl::HashOf(key_of(id)); }
    size_t operator()(const Key& key) const { return absl::HashOf(key); }
    size_t operator()(const Prehashed& key) const { return key.hash; }
  };
  struct Equal {
    using is_transparent = void;
    KeyOf key_of;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const Key& b) const { return key_of(a) == b; }
    bool operator()(const Key& a, uint32_t b) const { return a == key_of(b); }
  };
  using Part = absl::flat_hash_set<uint32_t, Hash, Equal>;

  // Not a power of two, so that not all parts are half empty at a number of entries that is one.
  static constexpr size_t kParts = 1'200;

  // By the highest bits: the parts themselves use the others.
  static size_t PartOf(size_t hash) { return (hash >> 40) % kParts; }

  std::vector<Part> parts_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ID_TABLE_H_
