#include "services/peer/calls/call_answerer.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "lib/relay/connect_head.h"
#include "lib/relay/sockets.h"
#include "lib/rpc/caller_shares.h"
#include "lib/rpc/relayed_target.h"
#include "lib/rpc/resolve.h"

namespace arkshare {
namespace {

constexpr absl::Duration kResolvePatience = absl::Seconds(2);

SocketAddress OwnPlace(const std::string& address) {
  const absl::StatusOr<HostPort> own = ParseHostPort(AddressOnThisMachine(address));
  return own.ok() ? ToSocketAddress(*own).value_or(SocketAddress()) : SocketAddress();
}

}  // namespace

CallAnswerer::CallAnswerer(const std::string& own_address)
    : own_address_(OwnPlace(own_address)),
      carrier_(std::make_unique<Carrier>(&loop_, /*bytes_per_second=*/0)),
      receiver_carrier_(std::make_unique<Carrier>(&loop_, /*bytes_per_second=*/0)) {}

CallAnswerer::~CallAnswerer() {
  loop_.Stop();
  carrier_.reset();
  receiver_carrier_.reset();
  for (const auto& [id, attempt] : attempts_) {
    for (const int fd : {attempt->caller_end.fd, attempt->own_fd}) {
      if (fd >= 0) CloseWithReset(fd);
    }
  }
  attempts_.clear();
}

void CallAnswerer::UseRelay(const std::string& address) {
  std::vector<SocketAddress> relays;
  if (const absl::StatusOr<HostPort> relay = ParseHostPort(address); relay.ok()) {
    Resolved resolved = Resolve(*relay, kResolvePatience);
    if (resolved.addresses.empty()) {
      LogWarning("relay_not_found", {{"relay", address}, {"why", resolved.trouble}});
    }
    relays = std::move(resolved.addresses);
  }
  MutexLock lock(&mutex_);
  // A name server that fails for a moment must not take away a relay that works.
  if (relays.empty() && address == relay_ && !address.empty()) return;
  relay_ = address;
  relays_ = std::move(relays);
}

void CallAnswerer::Answer(const std::string& call_id, uint32_t caller, const std::string& address) {
  loop_.Post([this, call_id, caller, address] { Begin(call_id, caller, address); });
}

void CallAnswerer::Begin(const std::string& call_id, uint32_t caller, const std::string& address) {
  const size_t in_all = attempts_.size() + carrier_->tunnels() + receiver_carrier_->tunnels();
  if (attempts_.size() >= kMostConnecting || in_all >= kMostInAll ||
      call_id.size() != kCallIdBytes) {
    return;
  }
  std::vector<SocketAddress> places;
  {
    MutexLock lock(&mutex_);
    places = relays_;
  }
  if (!address.empty()) {
    const std::optional<SocketAddress> receiver =
        called_.Take(address, places, Clock::Real()->Monotonic());
    if (!receiver.has_value()) {
      return LogInfo("call_not_answered",
                     {{"why", "this peer does not connect to the address that it was called to"}});
    }
    places = {*receiver};
  }
  const uint64_t id = next_id_++;
  auto attempt = std::make_unique<Attempt>();
  attempt->caller = caller;
  attempt->by_relay = address.empty();
  attempt->place =
      address.empty() ? "the relay of the index" : absl::StrCat("the peer at ", address);
  attempt->timer = loop_.After(kPatience, [this, id] { Fail(id, "it takes too long"); });
  attempt->dial = std::make_unique<RelayDial>(
      &loop_, std::move(places), ConnectRequest(CallAuthority(call_id)), kPatience,
      [this, id](RelayDial::Result end) { ConnectToSelf(id, std::move(end)); });
  attempts_[id] = std::move(attempt);
}

void CallAnswerer::ConnectToSelf(uint64_t id, RelayDial::Result caller_end) {
  Attempt& attempt = *attempts_.at(id);
  attempt.dial.reset();
  attempt.caller_end = std::move(caller_end);
  if (attempt.caller_end.fd < 0) return Fail(id, attempt.caller_end.why);
  const std::optional<SocketAddress> from =
      ToSocketAddress(HostPort{RelayedCallerHost(attempt.caller), 0});
  attempt.own_fd = BeginConnect(own_address_, from.has_value() ? &*from : nullptr);
  if (attempt.own_fd < 0) return Fail(id, "this peer's own port cannot be reached");
  loop_.Watch(attempt.own_fd, EPOLLOUT, [this, id](uint32_t) { Carry(id); });
}

void CallAnswerer::Carry(uint64_t id) {
  Attempt& attempt = *attempts_.at(id);
  if (ConnectError(attempt.own_fd) != 0) return Fail(id, "this peer's own port cannot be reached");
  loop_.Forget(attempt.own_fd);
  loop_.Cancel(attempt.timer);
  Carrier::Pair pair;
  pair.first = attempt.caller_end.fd;
  pair.second = attempt.own_fd;
  pair.to_second = std::string(attempt.caller_end.reader.rest());
  Carrier& carrier = attempt.by_relay ? *carrier_ : *receiver_carrier_;
  attempts_.erase(id);
  carrier.Carry(std::move(pair), nullptr);
}

void CallAnswerer::Fail(uint64_t id, std::string why) {
  const auto place = attempts_.find(id);
  if (place == attempts_.end()) return;
  Attempt& attempt = *place->second;
  for (const int fd : {attempt.caller_end.fd, attempt.own_fd}) {
    if (fd < 0) continue;
    loop_.Forget(fd);
    CloseWithReset(fd);
  }
  loop_.Cancel(attempt.timer);
  const std::string why_not = absl::StrCat(attempt.place, ": ", why);
  attempts_.erase(place);
  LogInfo("call_not_answered", {{"why", why_not}});
}

}  // namespace arkshare
