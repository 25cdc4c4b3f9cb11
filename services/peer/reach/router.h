// Asks the router of this network to open a port.
#ifndef ARKSHARE_SERVICES_PEER_REACH_ROUTER_H_
#define ARKSHARE_SERVICES_PEER_REACH_ROUTER_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace arkshare {

// One protocol that routers speak. Not thread-safe: one thread uses it.
class Router {
 public:
  struct Opened {
    std::string host;         // the address of the router towards the internet, as it says
    int port = 0;             // of that address
    absl::Duration lifetime;  // then the router closes it
  };
  using Stopped = std::function<bool()>;
  virtual ~Router() = default;
  // "NAT-PMP" or "UPnP", for people.
  virtual absl::string_view protocol() const = 0;
  // Opens a TCP port that leads to `own_port` of this machine, or renews it: `wanted_port`, if it
  // is free. Blocks for up to some seconds. Unavailable when no router answers or it refuses.
  // Gives up within about a second once `stopped` returns true.
  virtual absl::StatusOr<Opened> Open(int own_port, int wanted_port, absl::Duration lifetime,
                                      const Stopped& stopped) = 0;
  // Closes what Open has opened. Blocks for up to two seconds.
  virtual void Close(int own_port, int port) = 0;
};

// Return null in a build without the library of the protocol.
std::unique_ptr<Router> MakeNatPmpRouter();
std::unique_ptr<Router> MakeUpnpRouter();
// Returns those of this build, the faster one first.
std::vector<std::unique_ptr<Router>> MakeRouters();

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_REACH_ROUTER_H_
