// The peers that can be called to the relay.
#ifndef ARKSHARE_SERVICES_INDEX_RELAY_CALLABLE_PEERS_H_
#define ARKSHARE_SERVICES_INDEX_RELAY_CALLABLE_PEERS_H_

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "lib/core/key.h"
#include "lib/core/mutex.h"

namespace arkshare {

// AnnounceResponse.Call.
struct PeerCall {
  std::string id;
  uint32_t caller = 0;
  std::string address{};  // to which the peer is called; empty: to the relay
};

// A peer is here while its Announce stream is open and its session may be called. Thread-safe.
class CallablePeers {
 public:
  // Sends a call to a peer, without waiting. Called without locks.
  using SendCall = std::function<void(const PeerCall& call)>;

  // Returns a number for Add.
  uint64_t NewStream() { return next_stream_++; }
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
  bool Call(const PublicKey& key, const PeerCall& call) const {
    SendCall send;
    {
      MutexLock lock(&mutex_);
      const auto place = peers_.find(key);
      if (place == peers_.end()) return false;
      send = place->second.send;
    }
    send(call);
    return true;
  }

 private:
  struct Peer {
    uint64_t stream = 0;
    SendCall send;
  };

  std::atomic<uint64_t> next_stream_ = 1;
  mutable Mutex mutex_;
  absl::flat_hash_map<PublicKey, Peer> peers_ ABSL_GUARDED_BY(mutex_);
};

// The place of one stream among them: Open and Close may race, and after Close the place is empty.
// Thread-safe.
class CallableStream {
 public:
  // `peers` must outlive it; null: no peer can be called.
  explicit CallableStream(CallablePeers* peers)
      : peers_(peers), stream_(peers == nullptr ? 0 : peers->NewStream()) {}
  CallableStream(const CallableStream&) = delete;
  CallableStream& operator=(const CallableStream&) = delete;

  bool can_open() const { return peers_ != nullptr; }
  // Requires can_open().
  void Open(const PublicKey& key, CallablePeers::SendCall send) {
    MutexLock lock(&mutex_);
    if (closed_) return;
    key_ = key;
    peers_->Add(key, stream_, std::move(send));
  }
  // Idempotent.
  void Close() {
    MutexLock lock(&mutex_);
    closed_ = true;
    if (key_.has_value()) peers_->Remove(*key_, stream_);
  }

 private:
  CallablePeers* const peers_;
  const uint64_t stream_;
  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<PublicKey> key_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_RELAY_CALLABLE_PEERS_H_
