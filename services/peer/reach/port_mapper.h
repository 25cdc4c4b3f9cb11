// Keeps a port of the router open for this peer.
#ifndef ARKSHARE_SERVICES_PEER_REACH_PORT_MAPPER_H_
#define ARKSHARE_SERVICES_PEER_REACH_PORT_MAPPER_H_

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/reach/router.h"

namespace arkshare {

// Asks the router for a port, renews it at half of its time, and closes it at the end. Whether the
// port leads to this peer is for the index to find out: a router can have a port in its list that
// is dead, or be behind another router. A port that the index cannot reach is closed, and asked for
// again after growing pauses. One thread, which waits until Start. Thread-safe.
class PortMapper {
 public:
  static constexpr absl::Duration kLifetime = absl::Hours(1);

  struct Mapping {
    std::string address;  // "IP:PORT"
    int port = 0;
    std::string protocol;     // "NAT-PMP" or "UPnP"
    absl::Time until;         // by the clock of the machine
    uint64_t generation = 0;  // another one after each renewal; never 0
    bool proven = false;      // the index has reached this peer there
  };

  // Calls `on_change` from its thread, without locks, when there is a new mapping.
  PortMapper(int own_port, std::vector<std::unique_ptr<Router>> routers, const Clock* clock,
             std::function<void()> on_change);
  // Closes the port.
  ~PortMapper();

  // Makes the thread end soon, so that ~PortMapper need not wait for it.
  void RequestStop();
  // Begins to ask. Idempotent: a peer that can be reached without never calls it.
  void Start();
  std::optional<Mapping> mapping() const;
  // The index has reached this peer at the mapping of that generation, or has not. Ignored when
  // there is another one by now.
  void Judge(uint64_t generation, bool reached);

 private:
  void Run();
  // Asks for a port, and notes it. Returns when to ask again.
  absl::Duration Ask();
  void Close();

  const int own_port_;
  const Clock* const clock_;
  const std::function<void()> on_change_;
  // Only for the thread.
  std::vector<std::unique_ptr<Router>> routers_;
  Router* open_at_ = nullptr;
  int open_port_ = 0;
  absl::Duration pause_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool refused_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_generation_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<Mapping> mapping_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_REACH_PORT_MAPPER_H_
