// The peers in the network of this one.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_NEIGHBOURS_H_
#define ARKSHARE_SERVICES_PEER_SESSION_NEIGHBOURS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <string>

#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "services/peer/session/index_client.h"

namespace arkshare {

// Asks the index for them, at most once a minute, and only when they are needed: for a holder that
// would otherwise be reached through the relay. Thread-safe.
class Neighbours {
 public:
  static constexpr absl::Duration kForgetAfter = absl::Minutes(1);

  // Both must outlive it.
  Neighbours(IndexClient* index, const Clock* clock) : index_(index), clock_(clock) {}

  // Returns the "IP:PORT" of a peer in this network, as it says; "" when it is in another one. A
  // connection must prove the key. May block for a call of the index.
  std::string AddressOf(const PublicKey& key);

 private:
  void Refresh();

  IndexClient* const index_;
  const Clock* const clock_;
  Mutex asking_;  // one caller asks, and the others wait for its answer
  absl::Time asked_ ABSL_GUARDED_BY(asking_) = absl::InfinitePast();
  Mutex mutex_;
  absl::flat_hash_map<PublicKey, std::string> addresses_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_NEIGHBOURS_H_
