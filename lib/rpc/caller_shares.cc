#include "lib/rpc/caller_shares.h"

#include <absl/status/statusor.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/strip.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/core/errors.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

constexpr absl::string_view kLoopbackNetwork = "loopback";
constexpr absl::string_view kRelayedNetwork = "relayed ";
constexpr absl::string_view kUnknownNetwork = "unknown";
// gRPC writes the brackets of IPv6 and the % of its zone as escapes.
std::string Unescape(absl::string_view peer) {
  return absl::StrReplaceAll(peer, {{"%5B", "["}, {"%5D", "]"}, {"%25", "%"}});
}

constexpr size_t kNetworkBytes = 8;  // the first 64 bits of an IPv6 address
// The network of RelayedCallerHost.
constexpr uint32_t kRelayedCallers = 0x7f800000;
constexpr uint32_t kRelayedMask = 0xffc00000;

std::string InWords(const in_addr& v4) {
  char text[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &v4, text, sizeof(text));
}

std::string NetworkOfV4(const in_addr& v4) {
  if ((ntohl(v4.s_addr) & kRelayedMask) == kRelayedCallers) {
    return absl::StrCat(kRelayedNetwork, InWords(v4));
  }
  const std::string host = InWords(v4);
  return IsLoopbackHost(host) ? std::string(kLoopbackNetwork) : host;
}

std::string NetworkOfAddress(const std::string& host) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return NetworkOfV4(v4);
  in6_addr v6{};
  char text[INET6_ADDRSTRLEN];
  const bool is_v6 = inet_pton(AF_INET6, host.c_str(), &v6) == 1;
  if (is_v6 && IN6_IS_ADDR_V4MAPPED(&v6)) {
    std::memcpy(&v4, &v6.s6_addr[12], sizeof(v4));
    return NetworkOfV4(v4);
  }
  if (IsLoopbackHost(host)) return std::string(kLoopbackNetwork);
  if (!is_v6) return std::string(kUnknownNetwork);
  std::memset(&v6.s6_addr[kNetworkBytes], 0, sizeof(v6.s6_addr) - kNetworkBytes);
  return absl::StrCat(inet_ntop(AF_INET6, &v6, text, sizeof(text)), "/64");
}

}  // namespace

std::string AddressOfCaller(absl::string_view peer) {
  std::string plain = Unescape(peer);
  if (absl::StartsWith(NetworkOfCaller(peer), kRelayedNetwork)) return "the relay";
  for (const absl::string_view scheme : {"ipv4:", "ipv6:"}) {
    if (absl::StartsWith(plain, scheme)) return plain.substr(scheme.size());
  }
  return plain;
}

std::string NetworkOfCaller(absl::string_view peer) {
  if (absl::StartsWith(peer, "unix")) return std::string(kLoopbackNetwork);
  const std::string plain = Unescape(peer);
  const size_t scheme = plain.find(':');
  const size_t port = plain.rfind(':');
  if (scheme == port) return std::string(kUnknownNetwork);
  absl::string_view host(plain.data() + scheme + 1, port - scheme - 1);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  return NetworkOfAddress(std::string(host.substr(0, host.find('%'))));
}

std::string RelayedCallerHost(uint32_t caller) {
  return InWords({.s_addr = htonl(kRelayedCallers | (caller & ~kRelayedMask))});
}

CallerShares::Share::Share(Share&& other) noexcept
    : shares_(std::exchange(other.shares_, nullptr)),
      network_(std::move(other.network_)),
      amount_(other.amount_) {}

CallerShares::Share& CallerShares::Share::operator=(Share&& other) noexcept {
  if (this == &other) return *this;
  GiveBack();
  shares_ = std::exchange(other.shares_, nullptr);
  network_ = std::move(other.network_);
  amount_ = other.amount_;
  return *this;
}

void CallerShares::Share::GiveBack() {
  if (shares_ != nullptr) std::exchange(shares_, nullptr)->GiveBack(network_, amount_);
}

CallerShares::CallerShares(Options options) : options_(options) {}

absl::StatusOr<CallerShares::Share> CallerShares::Take(std::string network, size_t amount) {
  MutexLock lock(&mutex_);
  const auto place = taken_by_.find(network);
  const size_t has = place == taken_by_.end() ? 0 : place->second;
  // Compared so that no amount overflows.
  if (amount > options_.most_of_network - std::min(options_.most_of_network, has)) {
    return MakeError(
        Reason::kLimitExceeded,
        absl::StrCat("your address has ", has, " ", options_.what, " here now, and may have ",
                     options_.most_of_network, ": wait until some have ended, or end some"),
        {}, options_.retry_after);
  }
  if (amount > options_.most_in_all - std::min(options_.most_in_all, taken_)) {
    return MakeError(Reason::kLimitExceeded,
                     absl::StrCat("all callers have ", taken_, " ", options_.what,
                                  " here now, and this server allows ", options_.most_in_all,
                                  ": try again later"),
                     {}, options_.retry_after);
  }
  if (amount == 0) return Share();
  taken_by_[network] += amount;
  taken_ += amount;
  return Share(this, std::move(network), amount);
}

void CallerShares::GiveBack(const std::string& network, size_t amount) {
  MutexLock lock(&mutex_);
  const auto place = taken_by_.find(network);
  place->second -= amount;
  taken_ -= amount;
  if (place->second == 0) taken_by_.erase(place);
}

size_t CallerShares::taken() const {
  MutexLock lock(&mutex_);
  return taken_;
}

size_t CallerShares::network_count() const {
  MutexLock lock(&mutex_);
  return taken_by_.size();
}

}  // namespace arkshare
