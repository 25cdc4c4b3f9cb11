// The peers that can be called to the relay.
#ifndef ARKSHARE_SERVICES_INDEX_RELAY_CALLABLE_PEERS_H_
#define ARKSHARE_SERVICES_INDEX_RELAY_CALLABLE_PEERS_H_

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "lib/core/key.h"
#include "lib/core/mutex.h"

namespace arkshare {

// A peer is here while its Announce stream is open and its session may be called. Thread-safe.
class CallablePeers {
 public:
  // Sends a call to a peer, without waiting. Called without locks.
  using SendCall = std::function<void(const std::string& call_id)>;

  // Takes the place of an older stream of the key.
  void Add(const PublicKey& key, uint64_t stream, SendCall send) {
    MutexLock lock(&mutex_);
    peers_[key] = {stream, std::move(send)};
  }
  // Does nothing when another stream has taken the place.
  void Remove(const PublicKey& key, uint64_t stream) {
    MutexLock lock(&mutex_);
    const auto place = peers_.find(key);
    if (place != peers_.end() && place->second.stream == stream) peers_.erase(place);
  }
  // Returns false when no peer with this key can be called.
  bool Call(const PublicKey& key, const std::string& call_id) const {
    SendCall send;
    {
      MutexLock lock(&mutex_);
      const auto place = peers_.find(key);
      if (place == peers_.end()) return false;
      send = place->second.send;
    }
    send(call_id);
    return true;
  }

 private:
  struct Peer {
    uint64_t stream = 0;
    SendCall send;
  };

  mutable Mutex mutex_;
  absl::flat_hash_map<PublicKey, Peer> peers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_RELAY_CALLABLE_PEERS_H_
