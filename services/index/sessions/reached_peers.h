// The peers that the index has reached, and where.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_REACHED_PEERS_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_REACHED_PEERS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>

#include "lib/core/key.h"
#include "services/index/sessions/reach_checks.h"

namespace arkshare {

// The peer of a proven session.
struct ReachedPeer {
  PublicKey key;
  std::string address;  // "HOST:PORT", where the index reached it; empty: through its relay
  uint64_t order = 0;   // of its registration

  bool operator==(const ReachedPeer&) const = default;
};

// Remembers where peers were reached, and decides which one is dialled again. A pure decision: no
// lock, and time is an input that must not go back. Not thread-safe.
class ReachedPeers {
 public:
  void Add(const ReachedPeer& peer, absl::Time now);
  void Remove(const PublicKey& key);
  // Returns the peer that was reached with this key at another address; nullopt for none. Through
  // the relay, any two may be different.
  std::optional<ReachedPeer> FindRival(const PublicKey& key, const std::string& address) const;

  // Another peer reports that the one with this key does not answer.
  void Report(const PublicKey& key, absl::Time now) { checks_.Report(key, now); }
  // Returns the peer that is to be dialled now, which EndCheck must end; nullopt for none.
  std::optional<ReachedPeer> BeginCheck(absl::Time now);
  // Returns whether the peer is to be shown (true) or hidden (false), if that has changed. A peer
  // that has registered again since is not concerned by the check.
  std::optional<bool> EndCheck(const ReachedPeer& checked, bool answered, absl::Time now);

 private:
  absl::flat_hash_map<PublicKey, ReachedPeer> peers_;
  ReachChecks checks_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_REACHED_PEERS_H_
