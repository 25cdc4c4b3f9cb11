// The callers of CallPeer.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_PEER_CALLS_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_PEER_CALLS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <optional>
#include <string>

#include "lib/core/debts.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "services/index/catalog/records.h"

namespace arkshare {

// A call makes another peer connect to its caller. So it goes only to an address that the index has
// proven to be the caller's, and a caller has few of them. Thread-safe.
class PeerCalls {
 public:
  // A caller, and the machines of a network together, can call this often at once, and then once in
  // a kPause.
  static constexpr int kMostAtOnce = 8;
  static constexpr absl::Duration kPause = absl::Seconds(1);

  // Returns the address to which peers can be called for the owner of a session, as the catalog has
  // it. ADDRESS_NOT_ALLOWED.
  static absl::StatusOr<std::string> AddressOf(const std::optional<PeerSummary>& caller);

  // Takes one of the calls of the caller, and of its network (NetworkOfCaller); this machine has no
  // share. LIMIT_EXCEEDED, with a time to come back.
  absl::Status Take(const PublicKey& caller, const std::string& network, absl::Time now);

 private:
  Mutex mutex_;
  Debts of_callers_ ABSL_GUARDED_BY(mutex_){(kMostAtOnce - 1) * kPause};
  Debts of_networks_ ABSL_GUARDED_BY(mutex_){(kMostAtOnce - 1) * kPause};
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_PEER_CALLS_H_
