// The port of this peer: calls of FileService, and peers that were called to come here.
#ifndef ARKSHARE_SERVICES_PEER_CALLS_CALL_FRONT_H_
#define ARKSHARE_SERVICES_PEER_CALLS_CALL_FRONT_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "lib/relay/connect_head.h"
#include "lib/relay/event_loop.h"
#include "lib/relay/sockets.h"

namespace arkshare {

// Accepts the connections of a port, and looks at the first byte of each. A peer that was called
// here (IndexService.CallPeer) begins with CONNECT, as at the relay, and its connection goes to the
// program that expects the call. All others go to the server, untouched: HTTP/2 begins with 'P',
// TLS with 0x16. So does a connection that is silent for kPatience, or the oldest one when there
// are too many: the server bounds those itself, and only calls are lost by that.
//
// One thread, that of loop(). Thread-safe, but for what belongs to that thread.
class CallFront {
 public:
  static constexpr absl::Duration kPatience = absl::Seconds(5);
  // Connections that have not said whether they are calls, or which.
  static constexpr size_t kMostUndecided = 1'024;

  // Takes a connection that was accepted, and does not wait.
  using Give = std::function<void(int fd)>;
  // A connection that has named a call. No answer has been sent.
  struct Caller {
    int fd = -1;
    HeadReader reader = HeadReader::ForRequest();
  };
  using Arrived = std::function<void(Caller caller)>;

  // Binds "IP:PORT". Connections wait until Open. Listens for IPv6 as well when the IP is 0.0.0.0,
  // as a server of gRPC does. Errors, for people: those of ListenAt.
  static absl::StatusOr<std::unique_ptr<CallFront>> Listen(const std::string& address);
  // Close; breaks connections that are undecided. No program may expect a call any more.
  ~CallFront();

  // "IP:PORT" with the port that was bound.
  const std::string& address() const { return listening_.address; }
  // Accepts connections from now on.
  void Open(Give server);
  // Accepts none any more: the port is free. Gives none to the server after it has returned.
  void Close();

  EventLoop* loop() { return &loop_; }
  // On the thread of the loop. The next connection that names the call goes to `arrived`, once,
  // which owns it and which the loop does not watch. A call that is not expected is refused (404).
  void Expect(const std::string& call_id, Arrived arrived);
  void Unexpect(const std::string& call_id) { expected_.erase(call_id); }

 private:
  struct Connection {
    int fd = -1;
    bool call = false;  // it has begun like one
    HeadReader reader = HeadReader::ForRequest();
    uint64_t timer = 0;
  };

  explicit CallFront(Listening listening) : listening_(std::move(listening)) {}
  void Accept();
  // Looks at what has come.
  void OnEvents(uint64_t id);
  void ReadHead(uint64_t id, Connection& connection);
  // Forgets a connection, and returns its socket.
  int Release(uint64_t id);
  // Gives the connection to the server, or closes it if it is a call that has not said which.
  void Decide(uint64_t id);
  void CloseOnLoop();

  const Listening listening_;
  // The rest is for the thread of the loop.
  bool open_ = true;                                 // the listener is
  Give server_;                                      // null: not open yet, or closed
  absl::btree_map<uint64_t, Connection> undecided_;  // in the order in which they came
  absl::flat_hash_map<std::string, Arrived> expected_;
  uint64_t next_id_ = 1;
  EventLoop loop_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_CALLS_CALL_FRONT_H_
