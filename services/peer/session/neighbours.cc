#include "services/peer/session/neighbours.h"

#include <absl/status/statusor.h>

#include <utility>
#include <vector>

namespace arkshare {

std::string Neighbours::AddressOf(const PublicKey& key) {
  Refresh();
  MutexLock lock(&mutex_);
  const auto found = addresses_.find(key);
  return found == addresses_.end() ? "" : found->second;
}

void Neighbours::Refresh() {
  MutexLock asking(&asking_);
  const absl::Time now = clock_->Monotonic();
  if (now - asked_ < kForgetAfter) return;
  asked_ = now;
  // Without an answer, the relay is as good as before.
  const absl::StatusOr<std::vector<v1::Peer>> peers = index_->ListNeighbours();
  if (!peers.ok()) return;
  absl::flat_hash_map<PublicKey, std::string> addresses;
  for (const v1::Peer& peer : *peers) {
    const absl::StatusOr<PublicKey> key = PublicKey::FromBytes(peer.public_key());
    if (key.ok() && !peer.local_address().empty()) addresses[*key] = peer.local_address();
  }
  MutexLock lock(&mutex_);
  addresses_ = std::move(addresses);
}

}  // namespace arkshare
