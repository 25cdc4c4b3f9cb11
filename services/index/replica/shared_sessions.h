// The sessions that the log of the replicas has.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_SHARED_SESSIONS_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_SHARED_SESSIONS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>

#include "arkshare/replica/records.pb.h"
#include "lib/core/content_id.h"
#include "lib/core/key.h"
#include "services/index/catalog/catalog.h"

namespace arkshare {

// A session as the log has it.
struct SharedSession {
  PublicKey key;
  int64_t epoch = 0;  // the revision that began it
  replica::SessionRecord record;
  replica::ClaimRecord claim;
  int64_t claim_revision = 0;  // that wrote the claim; 0: there is none
  Catalog::ShelfPtr shelf;
  uint64_t through = 0;   // the number of the last statement in sequence
  bool complete = false;  // its peer has stated its whole folder
};
using SharedSessionPtr = std::shared_ptr<SharedSession>;

// One session a key. Pure. Not thread-safe.
class SharedSessions {
 public:
  // Requires that the key has no session.
  void Add(const SharedSessionPtr& session);
  // Requires that the session is here.
  void Remove(const SharedSessionPtr& session);

  // Each returns null when there is no such session.
  SharedSessionPtr Find(const PublicKey& key) const;
  SharedSessionPtr Find(const PublicKey& key, int64_t epoch) const;
  // SESSION_UNKNOWN, or SESSION_SUPERSEDED when the key has registered again since.
  absl::StatusOr<SharedSession> FindToken(const Sha256Digest& token_hash) const;
  const absl::flat_hash_map<PublicKey, SharedSessionPtr>& all() const { return by_key_; }

 private:
  absl::flat_hash_map<PublicKey, SharedSessionPtr> by_key_;
  absl::flat_hash_map<Sha256Digest, PublicKey> by_token_;
  absl::flat_hash_set<Sha256Digest> superseded_;  // tokens of earlier sessions of the keys
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_SHARED_SESSIONS_H_
