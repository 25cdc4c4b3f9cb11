#include "services/index/index_options.h"

#include <absl/strings/str_cat.h>

#include "lib/core/limits.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/resolve.h"

namespace arkshare {
namespace {

constexpr absl::Duration kMostResolve = absl::Seconds(10);

bool IsForOtherMachines(const std::string& listen) {
  const absl::StatusOr<HostPort> address = ParseHostPort(listen);
  return address.ok() && !IsLoopbackHost(address->host);
}

}  // namespace

bool IndexOptions::ServesOtherMachines() const { return IsForOtherMachines(listen); }

absl::Status IndexOptions::Check() const {
  if (lease > kMaxLease) {
    return absl::InvalidArgumentError(
        "--lease is too long: peers refuse an index whose lease is longer than 24h");
  }
  const bool with_home = !home.empty();
  const bool with_tls = tls.enabled();
  if ((with_home && with_tls) || (with_home && insecure) || (with_tls && insecure)) {
    return absl::InvalidArgumentError(
        "give only one of --home, --insecure, and --tls-cert with --tls-key and --tls-ca: each is "
        "another way to admit peers");
  }
  if (!relay_advertised.empty() && (log == nullptr || relay.empty())) {
    return absl::InvalidArgumentError(
        "--relay-advertise is for an index with --relay and --etcd: other replicas reach the relay "
        "there");
  }
  if (log != nullptr && !state_file.empty()) {
    return absl::InvalidArgumentError(
        "give only one of --etcd and --state: with --etcd, numbers and sessions are there");
  }
  if (!with_home && !with_tls && !insecure && ServesOtherMachines()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "will not listen on ", listen, " without encryption: give --home DIR, and invite ",
        "your friends with arkshare-index invite; or, if you have certificates, --tls-cert, ",
        "--tls-key and --tls-ca; or --insecure if every machine in that network may read and ",
        "change all data"));
  }
  if (!with_home && !with_tls && !insecure && !relay.empty() && IsForOtherMachines(relay)) {
    return absl::InvalidArgumentError(
        absl::StrCat("will not carry connections at --relay ", relay,
                     " without encryption: give --home DIR, or --insecure if every machine in ",
                     "that network may read and change all data"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> IndexOptions::RelayForReplicas(const std::string& address) const {
  if (relay_advertised.empty()) {
    const absl::StatusOr<HostPort> listens = ParseHostPort(address);
    if (!listens.ok()) return listens.status();
    if (listens->host != "0.0.0.0" && listens->host != "::") return address;
    return absl::InvalidArgumentError(
        absl::StrCat("the other replicas cannot know where to reach --relay ", relay,
                     ": give --relay-advertise HOST:PORT, an address of this machine that they ",
                     "can reach, and the port of the relay"));
  }
  const absl::StatusOr<HostPort> advertised = ParseHostPort(relay_advertised);
  if (!advertised.ok()) return advertised.status();
  // The relays connect without a name server, which could keep them waiting.
  const Resolved resolved = Resolve(*advertised, kMostResolve);
  if (!resolved.addresses.empty()) return ToHostPort(resolved.addresses.front()).ToString();
  return absl::UnavailableError(
      absl::StrCat("--relay-advertise ", relay_advertised, " has no address: ", resolved.trouble));
}

}  // namespace arkshare
