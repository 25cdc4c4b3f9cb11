// The relay of the index: carries connections to peers that cannot be reached otherwise.
#ifndef ARKSHARE_SERVICES_INDEX_RELAY_RELAY_SERVER_H_
#define ARKSHARE_SERVICES_INDEX_RELAY_RELAY_SERVER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "lib/core/key.h"
#include "lib/relay/carrier.h"
#include "lib/relay/connect_head.h"
#include "lib/relay/event_loop.h"
#include "lib/relay/relay_dial.h"
#include "services/index/relay/callable_peers.h"
#include "services/index/relay/pairing.h"

namespace arkshare {

// The relay of another replica of the index.
struct OtherRelay {
  std::string address;  // "IP:PORT"
  std::string secret;   // RelayServer::Options::secret
};

// A port to which both ends of a connection come: no caller can make it dial an address. The
// receiver names a key, the peer with that key is called over its Announce stream, and comes with
// the id of the call. From then on bytes are copied. docs/protocol.md has the words (The relay).
//
// When another replica has the stream of the peer, this relay asks at the relay of that replica,
// and carries between the receiver and that one. It asks on behalf of the receiver's network, whose
// share it is there as well. A connection goes on only once, so there are no circles.
//
// One thread. Thread-safe.
class RelayServer {
 public:
  struct Options {
    std::string listen{};           // "IP:PORT"
    int public_port = 0;            // that callers use; 0: the port of `listen`
    uint64_t bytes_per_second = 0;  // of all connections together; 0: no limit
    size_t connections = 1'024;     // that are carried, or wait to be
    bool tls = false;               // the index uses TLS, so nothing else is carried
    // By which the other replicas of the index prove that they are; empty: there are none.
    std::string secret{};
  };
  // Returns the relay of the replica that has the stream of a peer, if that is another one. Called
  // on the thread of the relay; must not wait.
  using FindRelay = std::function<std::optional<OtherRelay>(const PublicKey& key)>;
  // The answers that refuse, in the order of refusals().
  static constexpr std::array<RelayAnswer, 6> kRefusals = {
      RelayAnswer::kBadHead, RelayAnswer::kNotTls, RelayAnswer::kNoSuchPeer,
      RelayAnswer::kTooMany, RelayAnswer::kFull,   RelayAnswer::kDidNotCome};

  // Listens. Errors, for people: those of ListenAt.
  static absl::StatusOr<std::unique_ptr<RelayServer>> Start(Options options);
  // Breaks all connections.
  ~RelayServer();

  // "IP:PORT" with the port that was bound.
  const std::string& address() const { return address_; }
  // Where this process reaches it.
  const std::string& own_address() const { return own_address_; }
  // The port for callers, 1 to 65535.
  int port() const { return port_; }
  CallablePeers& callable() { return callable_; }
  // From now on, connections to peers of other replicas go on to these; null: they do not.
  void SetOtherReplicas(FindRelay find);

  // The index is about to dial the peer that begins this registration. Returns the id of the call
  // by which it dials, once, at own_address(). Unexpect must follow.
  std::string Expect(const std::string& registration_id);
  void Unexpect(const std::string& registration_id);

  // Calls the peer with this key to `address`, an IP address with its port, on behalf of the
  // network of that address. Calls `done` with kConnected when it has been called, kNoSuchPeer or
  // kTooMany, on the thread of the relay.
  void CallPeer(const PublicKey& key, const std::string& call_id, const std::string& address,
                std::function<void(RelayAnswer)> done);

  // Pairs that are carried now; bytes, and calls to peers, since the start.
  size_t connections() const { return carrier_->tunnels(); }
  uint64_t bytes() const { return carrier_->bytes(); }
  uint64_t calls() const { return calls_; }
  // Connections that were refused since the start, by the answer.
  uint64_t refusals(RelayAnswer answer) const;

 private:
  struct Connection {
    int fd = -1;
    std::string source;  // as of Pairing::Arrive
    HeadReader reader = HeadReader::ForRequest();
    bool from_replica = false;  // another replica has asked for it here
    bool to_replica = false;    // this relay has asked for it at another replica
  };
  // A receiver waits for the answer of another relay.
  struct Onward {
    uint64_t receiver = 0;
    std::unique_ptr<RelayDial> dial;
  };

  RelayServer(Options options, int listener, const std::string& address, int port);
  void Accept();
  // Reads the head, and does what it says. Before the connection is carried.
  void OnEvents(uint64_t id, uint32_t events);
  void ReadHead(uint64_t id, Connection& connection);
  void Obey(uint64_t id, const RelayTarget& target);
  // Checks what the head says of its caller.
  RelayAnswer Attribute(uint64_t id, const RelayTarget& target);
  // Asks at the relay of another replica. False: there is none that has the peer.
  bool GoOnward(uint64_t id, const PublicKey& key, const std::string& call_id);
  void OnOnward(const std::string& call_id, RelayDial::Result result);
  void CarryPair(const Pairing::Named::Pair& pair);
  void Refuse(uint64_t id, RelayAnswer answer);
  void Drop(uint64_t id);
  void CountRefusal(RelayAnswer answer);
  // Returns AnnounceResponse.Call.caller: equal for connections of one source, and meaningless to
  // the peer otherwise.
  uint32_t CallerNumber(const std::string& source) const;
  // Refuses those that have waited for too long, and comes again when the next one will have.
  void RefuseLate();

  const Options options_;
  const int listener_;
  const std::string address_;
  const std::string own_address_;
  const int port_;
  const std::string caller_salt_ = RandomBytes(kCallIdBytes);
  CallablePeers callable_;
  std::atomic<uint64_t> calls_ = 0;
  std::array<std::atomic<uint64_t>, kRefusals.size()> refusals_{};
  // The rest is for the thread of the loop, but for the counters of carrier_.
  Pairing pairing_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Connection>> connections_;
  FindRelay find_relay_;
  absl::flat_hash_map<std::string, Onward> onward_;  // by the id of the call
  uint64_t next_id_ = 1;
  uint64_t late_timer_ = 0;
  EventLoop loop_;
  std::unique_ptr<Carrier> carrier_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_RELAY_RELAY_SERVER_H_
