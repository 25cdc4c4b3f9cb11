#include "services/index/relay/relay_server.h"

#include <absl/strings/str_cat.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "lib/core/bytes.h"
#include "lib/core/clock.h"
#include "lib/core/hmac.h"
#include "lib/core/log.h"
#include "lib/core/merkle.h"
#include "lib/relay/sockets.h"
#include "lib/rpc/accept_guard.h"
#include "lib/rpc/caller_shares.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/relayed_target.h"

namespace arkshare {
namespace {

constexpr int kAcceptsAtOnce = 64;
// The first byte of a TLS connection: a record of the handshake.
constexpr char kTlsHandshake = 0x16;

absl::Time RelayNow() { return Clock::Real()->Monotonic(); }

// Returns the network of an IP address; "" for this machine.
std::string SourceOf(const HostPort& address) {
  const bool v4 = address.host.find(':') == std::string::npos;
  const std::string peer = absl::StrCat(v4 ? "ipv4:" : "ipv6:", address.ToString());
  const std::string network = NetworkOfCaller(peer);
  return network == NetworkOfCaller("ipv4:127.0.0.1:1") ? "" : network;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RelayServer>> RelayServer::Start(Options options) {
  GuardAccept();
  const absl::StatusOr<Listening> listening = ListenAt(options.listen);
  if (!listening.ok()) return listening.status();
  const int port = options.public_port != 0 ? options.public_port : listening->port;
  return std::unique_ptr<RelayServer>(
      new RelayServer(std::move(options), listening->fd, listening->address, port));
}

RelayServer::RelayServer(Options options, int listener, const std::string& address, int port)
    : options_(std::move(options)),
      listener_(listener),
      address_(address),
      own_address_(AddressOnThisMachine(address)),
      port_(port),
      pairing_(options_.connections),
      carrier_(std::make_unique<Carrier>(&loop_, options_.bytes_per_second)) {
  loop_.Post([this] { loop_.Watch(listener_, EPOLLIN, [this](uint32_t) { Accept(); }); });
}

RelayServer::~RelayServer() {
  loop_.Stop();
  close(listener_);
  carrier_.reset();
  onward_.clear();
  for (const auto& [id, connection] : connections_) {
    if (connection->fd >= 0) CloseWithReset(connection->fd);
  }
}

std::string RelayServer::Expect(const std::string& registration_id) {
  std::string ticket = RandomBytes(kCallIdBytes);
  loop_.Post([this, registration_id, ticket] { pairing_.Expect(registration_id, ticket); });
  return ticket;
}

void RelayServer::Unexpect(const std::string& registration_id) {
  loop_.Post([this, registration_id] { pairing_.Unexpect(registration_id); });
}

void RelayServer::SetOtherReplicas(FindRelay find) {
  loop_.Run([&] { find_relay_ = std::move(find); });
}

uint64_t RelayServer::refusals(RelayAnswer answer) const {
  const auto* const place = std::find(kRefusals.begin(), kRefusals.end(), answer);
  if (place == kRefusals.end()) return 0;
  return refusals_[static_cast<size_t>(place - kRefusals.begin())].load();
}

void RelayServer::CountRefusal(RelayAnswer answer) {
  const auto* const place = std::find(kRefusals.begin(), kRefusals.end(), answer);
  if (place != kRefusals.end()) ++refusals_[static_cast<size_t>(place - kRefusals.begin())];
}

void RelayServer::CallPeer(const PublicKey& key, const std::string& call_id,
                           const std::string& address, std::function<void(RelayAnswer)> done) {
  loop_.Post([this, key, call_id, address, done = std::move(done)] {
    if (!pairing_.PayForCall(key, RelayNow())) return done(RelayAnswer::kTooMany);
    const absl::StatusOr<HostPort> place = ParseHostPort(address);
    const std::string source = place.ok() ? SourceOf(*place) : "";
    if (!callable_.Call(key, {call_id, CallerNumber(source), address})) {
      return done(RelayAnswer::kNoSuchPeer);
    }
    ++calls_;
    done(RelayAnswer::kConnected);
  });
}

void RelayServer::Accept() {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    SocketAddress address{{}, sizeof(address.storage)};
    const int fd = accept4(listener_, reinterpret_cast<sockaddr*>(&address.storage),
                           &address.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    TuneCarried(fd);
    const uint64_t id = next_id_++;
    auto connection = std::make_unique<Connection>();
    connection->fd = fd;
    connection->source = SourceOf(ToHostPort(address));
    const RelayAnswer admitted = pairing_.Arrive(id, connection->source, RelayNow());
    connections_[id] = std::move(connection);
    loop_.Watch(fd, EPOLLIN, [this, id](uint32_t events) { OnEvents(id, events); });
    if (admitted != RelayAnswer::kConnected) Refuse(id, admitted);
  }
  RefuseLate();
}

void RelayServer::OnEvents(uint64_t id, uint32_t events) {
  const auto place = connections_.find(id);
  if (place == connections_.end()) return;
  Connection& connection = *place->second;
  if (connection.reader.state() == HeadReader::State::kIncomplete) {
    ReadHead(id, connection);
  } else if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) {
    Drop(id);  // it does not wait any more
  }
  RefuseLate();
}

void RelayServer::ReadHead(uint64_t id, Connection& connection) {
  char bytes[kMaxHeadBytes];
  const ssize_t got = recv(connection.fd, bytes, sizeof(bytes), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Drop(id);
  const HeadReader::State state = connection.reader.Add({bytes, static_cast<size_t>(got)});
  if (state == HeadReader::State::kIncomplete) return;
  const std::optional<RelayTarget> target = state == HeadReader::State::kComplete
                                                ? ParseConnectRequest(connection.reader.head())
                                                : std::nullopt;
  if (!target.has_value()) return Refuse(id, RelayAnswer::kBadHead);
  // All that comes now is for the partner; only the end of the connection is of interest.
  loop_.Change(connection.fd, EPOLLRDHUP);
  Obey(id, *target);
}

void RelayServer::Obey(uint64_t id, const RelayTarget& target) {
  if (target.kind == RelayTarget::Kind::kCall) {
    const Pairing::Named named = pairing_.NameCall(id, target.id, RelayNow());
    if (named.answer != RelayAnswer::kConnected) return Refuse(id, named.answer);
    if (named.pair.has_value()) CarryPair(*named.pair);
    return;
  }
  const absl::StatusOr<PublicKey> key = PublicKey::FromBytes(target.id);
  if (!key.ok()) return Refuse(id, RelayAnswer::kNoSuchPeer);
  const RelayAnswer attributed = Attribute(id, target);
  if (attributed != RelayAnswer::kConnected) return Refuse(id, attributed);
  const Pairing::Asked asked = pairing_.AskForPeer(id, *key, RelayNow());
  if (asked.answer != RelayAnswer::kConnected) return Refuse(id, asked.answer);
  const PeerCall call{asked.call_id, CallerNumber(connections_.at(id)->source)};
  if (callable_.Call(*key, call)) {
    ++calls_;
  } else if (!GoOnward(id, *key, asked.call_id)) {
    Refuse(id, RelayAnswer::kNoSuchPeer);
  }
}

RelayAnswer RelayServer::Attribute(uint64_t id, const RelayTarget& target) {
  Connection& connection = *connections_.at(id);
  const std::optional<OnwardCaller> caller = ParseOnwardCaller(connection.reader.head());
  if (!caller.has_value() || options_.secret.empty()) return RelayAnswer::kConnected;
  const std::string proof = OnwardProof(options_.secret, target.id, caller->source);
  if (!EqualSecrets(caller->proof, proof)) return RelayAnswer::kBadHead;
  connection.from_replica = true;
  connection.source = caller->source;
  return pairing_.SetSource(id, caller->source);
}

bool RelayServer::GoOnward(uint64_t id, const PublicKey& key, const std::string& call_id) {
  const Connection& connection = *connections_.at(id);
  if (!find_relay_ || connection.from_replica) return false;
  const std::optional<OtherRelay> relay = find_relay_(key);
  if (!relay.has_value()) return false;
  const absl::StatusOr<HostPort> address = ParseHostPort(relay->address);
  const std::optional<SocketAddress> place =
      address.ok() ? ToSocketAddress(*address) : std::nullopt;
  if (!place.has_value()) return false;
  const OnwardCaller caller{connection.source,
                            OnwardProof(relay->secret, key.view(), connection.source)};
  onward_[call_id] = {
      id, std::make_unique<RelayDial>(
              &loop_, std::vector<SocketAddress>{*place},
              ConnectRequest(PeerAuthority(key), caller), Pairing::kAnswerPatience,
              [this, call_id](RelayDial::Result result) { OnOnward(call_id, std::move(result)); })};
  return true;
}

void RelayServer::OnOnward(const std::string& call_id, RelayDial::Result result) {
  const uint64_t receiver = onward_.at(call_id).receiver;
  onward_.erase(call_id);
  const bool waits = connections_.contains(receiver);
  if (result.fd < 0) {
    const auto* const refusal =
        std::find_if(kRefusals.begin(), kRefusals.end(),
                     [&](RelayAnswer each) { return static_cast<int>(each) == result.refusal; });
    if (result.refusal == 0) LogWarning("other_relay_failed", {{"why", result.why}});
    if (waits) Refuse(receiver, refusal == kRefusals.end() ? RelayAnswer::kDidNotCome : *refusal);
    return;
  }
  if (!waits) return CloseWithReset(result.fd);
  TuneCarried(result.fd);
  // From here on it is the answer of the peer, which names the call.
  const uint64_t id = next_id_++;
  auto connection = std::make_unique<Connection>();
  connection->fd = result.fd;
  connection->reader = std::move(result.reader);
  connection->to_replica = true;
  const RelayAnswer admitted = pairing_.Arrive(id, /*source=*/"", RelayNow());
  connections_[id] = std::move(connection);
  const Pairing::Named named = admitted == RelayAnswer::kConnected
                                   ? pairing_.NameCall(id, call_id, RelayNow())
                                   : Pairing::Named{admitted, std::nullopt};
  if (named.pair.has_value()) return CarryPair(*named.pair);
  Drop(id);
  Refuse(receiver, RelayAnswer::kFull);
}

void RelayServer::CarryPair(const Pairing::Named::Pair& pair) {
  Connection& receiver = *connections_.at(pair.receiver);
  Connection& answer = *connections_.at(pair.answer);
  const absl::string_view first = receiver.reader.rest();
  if (options_.tls && !first.empty() && first.front() != kTlsHandshake) {
    Refuse(pair.receiver, RelayAnswer::kNotTls);
    return Drop(pair.answer);
  }
  Carrier::Pair carried;
  carried.flow = receiver.source;
  carried.to_first = absl::StrCat(ConnectAnswer(RelayAnswer::kConnected), answer.reader.rest());
  // Another relay has given the answer here, and waits for none.
  carried.to_second =
      absl::StrCat(answer.to_replica ? "" : ConnectAnswer(RelayAnswer::kConnected), first);
  if (options_.tls && first.empty()) carried.first_byte = kTlsHandshake;
  for (Connection* connection : {&receiver, &answer}) loop_.Forget(connection->fd);
  carried.first = std::exchange(receiver.fd, -1);
  carried.second = std::exchange(answer.fd, -1);
  carrier_->Carry(std::move(carried), [this, pair](Carrier::End end) {
    if (end == Carrier::End::kWrongFirstByte) CountRefusal(RelayAnswer::kNotTls);
    Drop(pair.receiver);
    Drop(pair.answer);
  });
}

uint32_t RelayServer::CallerNumber(const std::string& source) const {
  const Sha256Digest digest = Sha256(AsBytes(absl::StrCat(caller_salt_, source)));
  uint32_t number = 0;
  std::memcpy(&number, digest.data(), sizeof(number));
  return number;
}

void RelayServer::Refuse(uint64_t id, RelayAnswer answer) {
  CountRefusal(answer);
  const std::string words = ConnectAnswer(answer);
  (void)send(connections_.at(id)->fd, words.data(), words.size(), MSG_NOSIGNAL);
  Drop(id);
}

void RelayServer::Drop(uint64_t id) {
  const auto place = connections_.find(id);
  if (place == connections_.end()) return;
  if (const int fd = place->second->fd; fd >= 0) {
    loop_.Forget(fd);
    close(fd);
  }
  connections_.erase(place);
  pairing_.Leave(id);
}

void RelayServer::RefuseLate() {
  for (const Pairing::Refused& late : pairing_.TakeLate(RelayNow())) {
    Refuse(late.connection, late.answer);
  }
  loop_.Cancel(late_timer_);
  const absl::Time next = pairing_.NextLate();
  late_timer_ =
      next == absl::InfiniteFuture() ? 0 : loop_.After(next - RelayNow(), [this] { RefuseLate(); });
}

}  // namespace arkshare
