// Which peers come when they are called, and which do not.
#ifndef ARKSHARE_SERVICES_PEER_CALLS_CALL_MEMORY_H_
#define ARKSHARE_SERVICES_PEER_CALLS_CALL_MEMORY_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstddef>

#include "lib/core/key.h"

namespace arkshare {

// A call that no peer answers costs the seconds of waiting, so it is not repeated soon. One that
// the index refuses costs a round trip: the peer may be back in a moment. Remembers the last
// kMostPeers, roughly.
//
// Pure: no lock; times must not go back. Not thread-safe.
class CallMemory {
 public:
  static constexpr absl::Duration kSilentPause = absl::Minutes(10);
  static constexpr absl::Duration kRefusedPause = absl::Seconds(10);
  static constexpr size_t kMostPeers = 1'024;

  // Whether the peer may be called.
  bool MayCall(const PublicKey& key, absl::Time now) const {
    const auto peer = peers_.find(key);
    return peer == peers_.end() || peer->second.pause_until <= now;
  }
  // The peer was called and did not come.
  void NoteSilent(const PublicKey& key, absl::Time now) {
    At(key).pause_until = now + kSilentPause;
  }
  // The index does not call the peer now.
  void NoteRefused(const PublicKey& key, absl::Time now) {
    At(key).pause_until = now + kRefusedPause;
  }
  // A connection to the peer is there: the peer came when it was called, or the relay carries it.
  void NoteConnection(const PublicKey& key, bool called_back) {
    Peer& peer = At(key);
    peer.called_back = called_back;
    if (called_back) peer.pause_until = absl::InfinitePast();
  }
  // Whether the last connection to the peer is one that it made when it was called.
  bool CalledBack(const PublicKey& key) const {
    const auto peer = peers_.find(key);
    return peer != peers_.end() && peer->second.called_back;
  }
  size_t size() const { return peers_.size(); }

 private:
  struct Peer {
    absl::Time pause_until = absl::InfinitePast();
    bool called_back = false;
  };

  Peer& At(const PublicKey& key) {
    if (peers_.size() >= kMostPeers && !peers_.contains(key)) peers_.erase(peers_.begin());
    return peers_[key];
  }

  absl::flat_hash_map<PublicKey, Peer> peers_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_CALLS_CALL_MEMORY_H_
