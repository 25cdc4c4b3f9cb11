// Which number belongs to which key, over restarts of the index.
#ifndef ARKSHARE_SERVICES_INDEX_PEER_IDS_H_
#define ARKSHARE_SERVICES_INDEX_PEER_IDS_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <optional>
#include <string>

#include "lib/core/key.h"

namespace arkshare {

// The last 10,000 keys that had a number; those seen longest ago are forgotten first. Not
// thread-safe.
class PeerIds {
 public:
  // What Serialize gave: lines of "KEY-IN-HEX NUMBER", the one seen longest ago first.
  static absl::StatusOr<PeerIds> Parse(absl::string_view text);
  // An absent file has nobody. InvalidArgument for a file that is not one of ours.
  static absl::StatusOr<PeerIds> Load(const std::string& path);

  std::string Serialize() const;
  // Of two keys that had a number one after the other, the later one has it.
  void Remember(const PublicKey& key, uint32_t id);
  std::optional<uint32_t> IdOf(const PublicKey& key) const;
  std::optional<PublicKey> KeyOf(uint32_t id) const;

 private:
  struct Entry {
    uint32_t id;
    uint64_t order;
  };

  void Forget(const PublicKey& key);

  absl::flat_hash_map<PublicKey, Entry> by_key_;
  absl::flat_hash_map<uint32_t, PublicKey> by_id_;
  absl::btree_map<uint64_t, PublicKey> by_order_;
  uint64_t next_order_ = 0;
};

// Replaces the file in one step, durably.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view text);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_PEER_IDS_H_
