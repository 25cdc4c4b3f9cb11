// The way from this peer to peers that only the relay reaches: they are called here first.
#ifndef ARKSHARE_SERVICES_PEER_CALLS_CALL_DOOR_H_
#define ARKSHARE_SERVICES_PEER_CALLS_CALL_DOOR_H_

#include <absl/container/btree_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/relay/carrier.h"
#include "lib/relay/connect_head.h"
#include "lib/relay/relay_dial.h"
#include "lib/relay/sockets.h"
#include "lib/rpc/host_port.h"
#include "services/peer/calls/call_front.h"
#include "services/peer/calls/call_memory.h"
#include "services/peer/calls/call_workers.h"

namespace arkshare {

// A port on loopback, to which this peer's own channels connect as they would to the relay, with
// the relay in a line of the head (Lines). When other peers reach this one at its address, the
// wanted peer is called to the front, and the door carries between the two. Otherwise, and when it
// does not come within kPatience, the door connects to the relay and carries that connection.
// CallMemory says which peers are not called again soon.
//
// A secret in the head keeps other users of this machine out. Works on the thread of the front's
// loop, and on threads that wait. Thread-safe.
class CallDoor {
 public:
  static constexpr absl::Duration kPatience = absl::Seconds(2);
  static constexpr absl::Duration kRelayPatience = absl::Seconds(5);
  static constexpr absl::Duration kHeadPatience = absl::Seconds(5);
  static constexpr size_t kMostConnections = 512;  // carried and connecting

  struct Parts {
    CallFront* front = nullptr;  // must outlive the door
    // Whether other peers reach this one at its address. Must not wait.
    std::function<bool()> reached_directly;
    // IndexService.CallPeer; may wait for some seconds.
    std::function<absl::Status(const PublicKey& key, const std::string& call_id)> call_peer;
    absl::Duration patience = kPatience;
  };

  // Opens a free port of 127.0.0.1. Errors, for people: those of ListenAt.
  static absl::StatusOr<std::unique_ptr<CallDoor>> Open(Parts parts);
  ~CallDoor();

  // "127.0.0.1:PORT".
  const std::string& address() const { return listening_.address; }
  // Returns the lines of a head by which the door knows this peer's own channels, and the relay at
  // "HOST:PORT", in the form of MakeChannel.
  std::string Lines(const std::string& relay) const;
  // Whether the door can do more than the relay now.
  bool CanCall() const { return parts_.reached_directly(); }
  // Whether the last connection to the peer does not pass through the relay.
  bool CalledBack(const PublicKey& key) const;

  // Breaks all connections, and uses no part any more. Idempotent, but not from two threads.
  void Stop();

 private:
  // A connection of this peer's own channels, before it is carried.
  struct Guest {
    int fd = -1;
    HeadReader reader = HeadReader::ForRequest();
    uint64_t timer = 0;
    PublicKey key;        // of the peer that it wants
    std::string call_id;  // of the call that it waits for; empty: it waits for none
    bool found = false;   // `relays` are
    std::vector<SocketAddress> relays;
    std::unique_ptr<RelayDial> dial;
  };

  CallDoor(Parts parts, Listening listening);
  void Accept();
  void OnEvents(uint64_t id, uint32_t events);
  void ReadHead(uint64_t id, Guest& guest);
  // Calls the peer, if it may be called, and finds the addresses of the relay meanwhile.
  void Begin(uint64_t id, Guest& guest, const std::string& relay);
  void OnCaller(uint64_t id, CallFront::Caller caller);
  // The peer does not come for this call: it has not in time, or it is not called.
  void OnNoCaller(uint64_t id, const std::string& call_id, bool called);
  void OnFound(uint64_t id, std::vector<SocketAddress> relays);
  void DialRelay(uint64_t id, Guest& guest);
  void OnRelay(uint64_t id, RelayDial::Result relay);
  // Carries between the guest and `other`, which gets `words` first, and has sent `rest`.
  void Carry(uint64_t id, int other, const std::string& words, absl::string_view rest,
             bool called_back);
  void Refuse(uint64_t id, int answer);
  void Drop(uint64_t id);

  const Parts parts_;
  const Listening listening_;
  const std::string secret_ = RandomBytes(kCallIdBytes);
  EventLoop* const loop_;
  mutable Mutex mutex_;
  CallMemory memory_ ABSL_GUARDED_BY(mutex_);
  // The rest is for the thread of the loop.
  absl::btree_map<uint64_t, std::unique_ptr<Guest>> guests_;
  uint64_t next_id_ = 1;
  std::unique_ptr<Carrier> carrier_;
  CallWorkers workers_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_CALLS_CALL_DOOR_H_
