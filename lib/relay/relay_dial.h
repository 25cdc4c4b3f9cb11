// A connection to a relay that has granted what was asked of it.
#ifndef ARKSHARE_LIB_RELAY_RELAY_DIAL_H_
#define ARKSHARE_LIB_RELAY_RELAY_DIAL_H_

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/relay/connect_head.h"
#include "lib/relay/event_loop.h"
#include "lib/rpc/host_port.h"

namespace arkshare {

// Connects to a relay, sends a head, and reads the answer, without waiting. Belongs to the thread
// of the loop.
class RelayDial {
 public:
  struct Result {
    // The connection, which the caller closes and the loop does not watch; -1 when it failed.
    int fd = -1;
    // Its complete answer, and what came after that.
    HeadReader reader = HeadReader::ForAnswer();
    // When it failed: the status of HTTP with which the relay refused, or 0 when it gave none; and
    // why, for people.
    int refusal = 0;
    std::string why{};
  };
  using Done = std::function<void(Result)>;

  // Tries one address of the relay after the other; those must be complete. Calls `done` once, but
  // not before the constructor has returned. `done` may delete this object.
  RelayDial(EventLoop* loop, std::vector<SocketAddress> relays, std::string request,
            absl::Duration patience, Done done);
  // Closes the connection, without a call of `done`.
  ~RelayDial();
  RelayDial(const RelayDial&) = delete;
  RelayDial& operator=(const RelayDial&) = delete;

 private:
  void Connect();
  void SendRequest();
  void ReadAnswer();
  void Fail(const std::string& why, int refusal = 0);
  // Nothing of this object may be used after it.
  void End();

  EventLoop* const loop_;
  std::vector<SocketAddress> relays_;  // that are still to be tried
  const std::string request_;
  Done done_;
  Result result_;
  int error_ = 0;  // of the last address
  uint64_t timer_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RELAY_RELAY_DIAL_H_
