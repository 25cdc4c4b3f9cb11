// This peer's end of the connections that the relay of the index carries to it.
#ifndef ARKSHARE_SERVICES_PEER_CALLS_CALL_ANSWERER_H_
#define ARKSHARE_SERVICES_PEER_CALLS_CALL_ANSWERER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/relay/carrier.h"
#include "lib/relay/event_loop.h"
#include "lib/relay/relay_dial.h"
#include "lib/rpc/host_port.h"
#include "services/peer/calls/called_addresses.h"

namespace arkshare {

// When another program wants to reach this peer, the index calls it. The answer is a connection to
// the relay, or to a receiver that can be reached itself, which names the call, and one to this
// peer's own FileService. Bytes are copied between them. It connects to no other address than
// these, and CalledAddresses says to which receivers. One thread. Thread-safe.
class CallAnswerer {
 public:
  static constexpr size_t kMostConnecting = 16;
  static constexpr size_t kMostInAll = 64;  // carried and connecting
  static constexpr absl::Duration kPatience = absl::Seconds(4);

  // FileService listens at `own_address`, "IP:PORT".
  explicit CallAnswerer(const std::string& own_address);
  // Breaks all connections.
  ~CallAnswerer();

  // Answers at the relay at `address`, "HOST:PORT", from now on; "" for none. Blocks for up to 2 s
  // while the name is resolved.
  void UseRelay(const std::string& address);
  // Answers AnnounceResponse.Call, without waiting: at `address`, or at the relay when that is
  // empty. Ignores the call when there is no relay, or there are too many. To FileService,
  // connections with the same `caller` come from one network.
  void Answer(const std::string& call_id, uint32_t caller = 0, const std::string& address = "");

  // Connections that the relay carries to this peer now, and the bytes since the start, in both
  // directions.
  size_t connections() const { return carrier_->tunnels(); }
  uint64_t bytes() const { return carrier_->bytes(); }

 private:
  // An attempt to answer one call.
  struct Attempt {
    uint32_t caller = 0;
    bool by_relay = true;
    std::string place;                // where it answers, for people
    std::unique_ptr<RelayDial> dial;  // null once that has answered
    RelayDial::Result caller_end{};   // the connection to it
    int own_fd = -1;
    uint64_t timer = 0;
  };

  void Begin(const std::string& call_id, uint32_t caller, const std::string& address);
  void ConnectToSelf(uint64_t id, RelayDial::Result caller_end);
  void Carry(uint64_t id);
  void Fail(uint64_t id, std::string why);  // `why` may be of the attempt, which ends

  const SocketAddress own_address_;
  Mutex mutex_;
  std::string relay_ ABSL_GUARDED_BY(mutex_);
  std::vector<SocketAddress> relays_ ABSL_GUARDED_BY(mutex_);
  // The rest is for the thread of the loop, but for the counters of the carriers.
  CalledAddresses called_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Attempt>> attempts_;
  uint64_t next_id_ = 1;
  EventLoop loop_;
  std::unique_ptr<Carrier> carrier_;           // from the relay
  std::unique_ptr<Carrier> receiver_carrier_;  // from receivers that this peer has come to
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_CALLS_CALL_ANSWERER_H_
