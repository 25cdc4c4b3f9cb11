#include "services/index/sessions/reached_peers.h"

namespace arkshare {

void ReachedPeers::Add(const ReachedPeer& peer, absl::Time now) {
  peers_[peer.key] = peer;
  checks_.Add(peer.key, now);
}

void ReachedPeers::Remove(const PublicKey& key) {
  peers_.erase(key);
  checks_.Remove(key);
}

std::optional<ReachedPeer> ReachedPeers::FindRival(const PublicKey& key,
                                                   const std::string& address) const {
  const auto place = peers_.find(key);
  if (place == peers_.end()) return std::nullopt;
  if (!address.empty() && place->second.address == address) return std::nullopt;
  return place->second;
}

std::optional<ReachedPeer> ReachedPeers::BeginCheck(absl::Time now) {
  const std::optional<PublicKey> key = checks_.Begin(now);
  if (!key.has_value()) return std::nullopt;
  return peers_.at(*key);
}

std::optional<bool> ReachedPeers::EndCheck(const ReachedPeer& checked, bool answered,
                                           absl::Time now) {
  const auto place = peers_.find(checked.key);
  if (place == peers_.end() || place->second.order != checked.order) return std::nullopt;
  return checks_.Done(checked.key, answered, now);
}

}  // namespace arkshare
