#include "services/index/service/caller.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <utility>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

constexpr absl::string_view kBearer = "Bearer ";

// Returns 1.2.3.4 for "::ffff:1.2.3.4".
std::string WithoutMapping(const std::string& host) {
  in6_addr v6{};
  char text[INET_ADDRSTRLEN];
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1 || !IN6_IS_ADDR_V4MAPPED(&v6) ||
      inet_ntop(AF_INET, &v6.s6_addr[12], text, sizeof(text)) == nullptr) {
    return host;
  }
  return text;
}

// Returns whether the address means nothing, or another machine, to other peers.
bool IsUnusable(const std::string& host) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    const uint32_t value = ntohl(v4.s_addr);
    return (value >> 24) == 0 || (value >> 28) >= 0xe || (value >> 16) == 0xa9fe;
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_MULTICAST(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6);
}

}  // namespace

Caller ParseCaller(const std::string& peer) {
  if (absl::StartsWith(peer, "unix") || absl::StartsWith(peer, "ipv4:127.0.0.1:")) {
    return {"127.0.0.1", true};
  }
  const std::string plain = absl::StrReplaceAll(peer, {{"%5B", "["}, {"%5D", "]"}});
  const size_t colon = plain.find(':');
  const absl::StatusOr<HostPort> parsed = colon == std::string::npos
                                              ? absl::InvalidArgumentError("")
                                              : ParseHostPort(plain.substr(colon + 1));
  if (!parsed.ok()) return {};
  Caller caller;
  caller.host = WithoutMapping(parsed->host);
  caller.loopback = IsLoopbackHost(caller.host);
  return caller;
}

absl::StatusOr<std::string> BearerToken(const grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  const auto place = metadata.find("authorization");
  if (place == metadata.end() ||
      !place->second.starts_with(grpc::string_ref(kBearer.data(), kBearer.size()))) {
    return MakeError(Reason::kSessionUnknown,
                     "this call needs the metadata `authorization: Bearer <session_token>` of a "
                     "registered peer");
  }
  return std::string(place->second.data() + kBearer.size(), place->second.size() - kBearer.size());
}

absl::StatusOr<PeerAddress> ChooseAddress(const Caller& caller, uint32_t port,
                                          const std::string& advertised) {
  if (port < 1 || port > 65'535) {
    return MakeError(Reason::kInvalidField, absl::StrCat("port must be 1 to 65535, not ", port));
  }
  if (advertised.empty()) {
    if (caller.host.empty()) {
      return MakeError(Reason::kInvalidField,
                       "the index cannot see your address: set advertised_address");
    }
    return PeerAddress{HostPort{caller.host, static_cast<int>(port)}.ToString(), caller.loopback};
  }
  absl::StatusOr<HostPort> parsed = ParseHostPort(advertised);
  if (!parsed.ok() || parsed->port == 0 || parsed->host.size() > kMaxHostBytes) {
    return MakeError(Reason::kInvalidField,
                     "advertised_address must be HOST:PORT, [IPv6]:PORT or NAME:PORT with a port "
                     "from 1 to 65535");
  }
  parsed->host = WithoutMapping(parsed->host);
  const bool loopback = IsLoopbackHost(parsed->host);
  if (IsUnusable(parsed->host) || (loopback && !caller.loopback)) {
    return MakeError(Reason::kAddressNotAllowed,
                     absl::StrCat("other peers cannot reach you at ", advertised,
                                  ": advertise an address that they can reach"));
  }
  return PeerAddress{parsed->ToString(), loopback};
}

}  // namespace arkshare
