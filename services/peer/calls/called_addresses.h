// The receivers to whose addresses this peer connects when the index calls it there.
#ifndef ARKSHARE_SERVICES_PEER_CALLS_CALLED_ADDRESSES_H_
#define ARKSHARE_SERVICES_PEER_CALLS_CALLED_ADDRESSES_H_

#include <absl/time/time.h>
#include <absl/types/span.h>

#include <optional>
#include <string>

#include "lib/core/debts.h"
#include "lib/rpc/host_port.h"

namespace arkshare {

// The index names the address, so a lying index could send a peer anywhere. What this peer sends
// there first is one line that no other program takes for a request of its own. Besides, it
// connects only to addresses that may belong to a receiver, and seldom to each.
//
// Pure: no lock, no socket; times must not go back. Not thread-safe.
class CalledAddresses {
 public:
  // It connects this often at once to the ports of one address, and then once in a kPause.
  static constexpr int kMostAtOnce = 8;
  static constexpr absl::Duration kPause = absl::Seconds(1);

  // Returns where to connect for AnnounceResponse.Call.address, and counts it. Nothing: the peer
  // ignores the call. An address that only this machine or this network can reach is for the peers
  // of an index whose relay, at one of `relays`, is as near: an index elsewhere cannot have proven
  // it.
  std::optional<SocketAddress> Take(const std::string& address,
                                    absl::Span<const SocketAddress> relays, absl::Time now);

 private:
  Debts calls_{(kMostAtOnce - 1) * kPause};  // by host
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_CALLS_CALLED_ADDRESSES_H_
