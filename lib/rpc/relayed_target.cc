#include "lib/rpc/relayed_target.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include "lib/core/content_id.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

constexpr absl::string_view kRelayPrefix = "relay:";

}  // namespace

std::string PeerAuthority(const PublicKey& key) { return absl::StrCat(key.hex(), ".peer:1"); }

std::string CallAuthority(absl::string_view call_id) {
  return absl::StrCat(ToHex(call_id), ".call:1");
}

std::string RelayedTarget(const std::string& index_address, uint32_t port) {
  absl::StatusOr<HostPort> relay = ParseHostPort(index_address);
  if (!relay.ok() || port == 0 || port > 65'535) return "";
  relay->port = static_cast<int>(port);
  return absl::StrCat(kRelayPrefix, relay->ToString());
}

std::optional<std::string> RelayOf(absl::string_view target) {
  if (!absl::ConsumePrefix(&target, kRelayPrefix)) return std::nullopt;
  const absl::StatusOr<HostPort> relay = ParseHostPort(std::string(target));
  if (!relay.ok()) return std::nullopt;
  return relay->ToString();
}

std::string PlaceInWords(const std::string& target) {
  const std::optional<std::string> relay = RelayOf(target);
  return relay.has_value() ? absl::StrCat("the relay at ", *relay) : target;
}

}  // namespace arkshare
