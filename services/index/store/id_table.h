// Finds ids by their keys.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_ID_TABLE_H_
#define ARKSHARE_SERVICES_INDEX_STORE_ID_TABLE_H_

#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace arkshare {

// A hash set of ids that stores no keys: key_of(id) looks up the key of an id. To fetch it into the
// cache, key_of.PrefetchRecord(id) fetches what leads to the key, then key_of.PrefetchKey(id) the
// key. The set is split into many parts, because its callers hold a lock: moving a million entries
// to a larger table takes a third of a second, moving one part less than a millisecond. Not
// thread-safe.
template <typename Key, typename KeyOf>
class IdTable {
 public:
  explicit IdTable(KeyOf key_of)
      : key_of_(key_of), parts_(kParts, Part(0, Hash{key_of}, Equal{key_of})) {}

  // `hash` is absl::HashOf(key), here and below.
  std::optional<uint32_t> Find(const Key& key, size_t hash) const {
    const Part& part = parts_[PartOf(hash)];
    const auto place = part.find(key, hash);
    if (place == part.end()) return std::nullopt;
    return *place;
  }
  std::optional<uint32_t> Find(const Key& key) const { return Find(key, absl::HashOf(key)); }
  // Fetches into the cache what Guess and Find read first.
  void Prefetch(size_t hash) const { parts_[PartOf(hash)].prefetch(Any{hash}); }
  // Returns, without reading any key, what Find would return in most cases.
  std::optional<uint32_t> Guess(size_t hash) const {
    const Part& part = parts_[PartOf(hash)];
    const auto place = part.find(Any{hash}, hash);
    if (place == part.end()) return std::nullopt;
    return *place;
  }
  // Requires that no id has the key; from now on key_of(id) must return it.
  void Insert(size_t hash, uint32_t id) {
    Part& part = parts_[PartOf(hash)];
    // The part grows now, which reads the keys of all its ids.
    if (part.size() == part.capacity() - part.capacity() / 8) PrefetchKeys(part);
    const auto construct = [id](const auto& make) { make(id); };
    part.lazy_emplace(None{hash}, construct);
  }
  void Erase(const Key& key) {
    Part& part = parts_[PartOf(absl::HashOf(key))];
    if (const auto place = part.find(key); place != part.end()) part.erase(place);
  }

 private:
  // Placeholders for a key with this hash: Any is equal to every id, None to no id.
  struct Any {
    size_t hash;
  };
  struct None {
    size_t hash;
  };
  struct Hash {
    using is_transparent = void;
    KeyOf key_of;
    size_t operator()(uint32_t id) const { return absl::HashOf(key_of(id)); }
    size_t operator()(const Key& key) const { return absl::HashOf(key); }
    size_t operator()(Any key) const { return key.hash; }
    size_t operator()(None key) const { return key.hash; }
  };
  struct Equal {
    using is_transparent = void;
    KeyOf key_of;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const Key& b) const { return key_of(a) == b; }
    bool operator()(uint32_t /*a*/, Any /*b*/) const { return true; }
    bool operator()(uint32_t /*a*/, None /*b*/) const { return false; }
  };
  using Part = absl::flat_hash_set<uint32_t, Hash, Equal>;

  // Not a power of two: otherwise all parts would grow, and be half empty, at the same time.
  static constexpr size_t kParts = 1'200;

  // Chooses by the highest bits, because the parts use the others.
  static size_t PartOf(size_t hash) { return (hash >> 40) % kParts; }

  void PrefetchKeys(const Part& part) const {
    for (const uint32_t id : part) key_of_.PrefetchRecord(id);
    for (const uint32_t id : part) key_of_.PrefetchKey(id);
  }

  const KeyOf key_of_;
  std::vector<Part> parts_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_ID_TABLE_H_
