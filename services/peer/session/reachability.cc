#include "services/peer/session/reachability.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

constexpr char kListensOnLoopback[] =
    "this peer listens on its own machine only, so no other peer can reach it and its books are "
    "not listed: restart it with --listen 0.0.0.0:PORT, and with --tls-cert, --tls-key and "
    "--tls-ca, or --insecure in a network that you trust";

}  // namespace

std::string ReachabilityInWords(const v1::RegisterResponse& response, bool listens_on_loopback) {
  const absl::StatusOr<HostPort> address = ParseHostPort(response.address());
  const bool elsewhere = address.ok() && !IsLoopbackHost(address->host);
  if (!response.reachability().reachable() && listens_on_loopback && elsewhere) {
    return kListensOnLoopback;
  }
  return response.reachability().message();
}

std::string UnreachableInWords(const std::string& address) {
  if (address.empty()) {
    return "the index cannot reach this peer through its relay any more, so its books are hidden "
           "from other peers: ask the owner of the index whether the port of --relay is open to "
           "you; the index tries again about once a minute";
  }
  return absl::StrCat("the index cannot reach this peer at ", address,
                      " any more, so its books are hidden from other peers: open this port in your "
                      "firewall and router; the index tries again about once a minute");
}

}  // namespace arkshare
