// The values that a watcher has been sent, so that it is sent only what has changed.
#ifndef ARKSHARE_SERVICES_PEER_OWNER_SENT_VALUES_H_
#define ARKSHARE_SERVICES_PEER_OWNER_SENT_VALUES_H_

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <vector>

namespace arkshare {

// Keeps the keys, and a hash of each value. Pure. Not thread-safe.
template <typename Key>
class SentValues {
 public:
  // Notes that the watcher is sent `value`, unless it has it; returns whether it has to be sent.
  bool Change(const Key& key, absl::string_view value) {
    const size_t hash = absl::HashOf(value);
    const auto [place, added] = hashes_.try_emplace(key, hash);
    if (!added && place->second == hash) return false;
    place->second = hash;
    return true;
  }
  // Forgets the keys that are not in `remaining`, and returns them.
  std::vector<Key> Retain(const absl::flat_hash_set<Key>& remaining) {
    std::vector<Key> gone;
    for (const auto& [key, hash] : hashes_) {
      if (!remaining.contains(key)) gone.push_back(key);
    }
    for (const Key& key : gone) hashes_.erase(key);
    return gone;
  }
  size_t size() const { return hashes_.size(); }

 private:
  absl::flat_hash_map<Key, size_t> hashes_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_OWNER_SENT_VALUES_H_
