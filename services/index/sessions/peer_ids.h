// The number and the session of each key, kept over restarts of the index.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_PEER_IDS_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_PEER_IDS_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <optional>
#include <string>

#include "arkshare/v1/types.pb.h"
#include "lib/core/content_id.h"
#include "lib/core/key.h"

namespace arkshare {

// The facts of a session that the next process of the index needs to take it back.
struct KeptSession {
  Sha256Digest token_hash;  // not the token: a reader of the file cannot use the session
  v1::SharePolicy policy = v1::SHARE_POLICY_UNSPECIFIED;
  std::string address;       // "HOST:PORT", where the peer was reached; empty: through the relay
  bool advertised = false;   // true: by the peer; false: HOST is where the index saw the peer
  bool takes_calls = false;  // the relay may carry connections to it

  bool operator==(const KeptSession&) const = default;
};

// The last 10,000 keys that had a number; those seen longest ago are forgotten first. Not
// thread-safe.
class PeerIds {
 public:
  // Parses the result of Serialize: lines of "KEY NUMBER", or of "KEY NUMBER TOKEN-HASH move|copy
  // seen|advertised ADDRESS" for a key with a session, or with "relayed -" at the end, and then
  // "calls" for a peer that takes calls. The key seen longest ago comes first; keys and hashes are
  // in hex.
  static absl::StatusOr<PeerIds> Parse(absl::string_view text);
  // Returns no keys when the file is absent. InvalidArgument for a file that is not a state file.
  static absl::StatusOr<PeerIds> Load(const std::string& path);

  std::string Serialize() const;
  // A number belongs to the last key that had it. Of a key, only the last session is kept.
  void Remember(const PublicKey& key, uint32_t id,
                std::optional<KeptSession> session = std::nullopt);
  std::optional<uint32_t> IdOf(const PublicKey& key) const;
  std::optional<PublicKey> KeyOf(uint32_t id) const;

  std::optional<KeptSession> SessionOf(const PublicKey& key) const;
  struct Owned {
    PublicKey key;
    uint32_t id = 0;
    KeptSession session;
  };
  std::optional<Owned> FindSession(const Sha256Digest& token_hash) const;
  // Each drops sessions, keeps the numbers, and returns whether there was a session to drop.
  bool DropSession(const PublicKey& key);
  bool DropSessionsUnless(absl::FunctionRef<bool(const PublicKey&)> stays);

 private:
  struct Entry {
    uint32_t id;
    uint64_t order;
    std::optional<KeptSession> session;
  };

  void Forget(const PublicKey& key);
  bool DropSession(Entry& entry);

  absl::flat_hash_map<PublicKey, Entry> by_key_;
  absl::flat_hash_map<uint32_t, PublicKey> by_id_;
  absl::flat_hash_map<Sha256Digest, PublicKey> by_token_;
  absl::btree_map<uint64_t, PublicKey> by_order_;
  uint64_t next_order_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_PEER_IDS_H_
