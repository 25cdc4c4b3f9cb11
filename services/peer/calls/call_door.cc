#include "services/peer/calls/call_door.h"

#include <absl/strings/str_cat.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "lib/core/clock.h"
#include "lib/core/content_id.h"
#include "lib/core/hmac.h"
#include "lib/core/log.h"
#include "lib/rpc/relayed_target.h"
#include "lib/rpc/resolve.h"

namespace arkshare {
namespace {

constexpr absl::string_view kSecretLine = "Arkshare-Door";
constexpr absl::string_view kRelayLine = "Arkshare-Relay";
constexpr absl::Duration kFindPatience = absl::Seconds(2);
// Calls of the index that wait at a time.
constexpr size_t kWorkers = 4;

absl::Time DoorNow() { return Clock::Real()->Monotonic(); }

}  // namespace

absl::StatusOr<std::unique_ptr<CallDoor>> CallDoor::Open(Parts parts) {
  absl::StatusOr<Listening> listening = ListenAt("127.0.0.1:0");
  if (!listening.ok()) return listening.status();
  return std::unique_ptr<CallDoor>(new CallDoor(std::move(parts), *std::move(listening)));
}

CallDoor::CallDoor(Parts parts, Listening listening)
    : parts_(std::move(parts)),
      listening_(std::move(listening)),
      loop_(parts_.front->loop()),
      carrier_(std::make_unique<Carrier>(loop_, /*bytes_per_second=*/0)),
      workers_(kWorkers) {
  loop_->Run([this] { loop_->Watch(listening_.fd, EPOLLIN, [this](uint32_t) { Accept(); }); });
}

CallDoor::~CallDoor() { Stop(); }

void CallDoor::Stop() {
  // Then their last posts are done before the rest.
  workers_.Stop();
  loop_->Run([this] {
    if (carrier_ == nullptr) return;
    loop_->Forget(listening_.fd);
    close(listening_.fd);
    while (!guests_.empty()) Drop(guests_.begin()->first);
    carrier_ = nullptr;
  });
}

std::string CallDoor::Lines(const std::string& relay) const {
  return absl::StrCat(kSecretLine, ":", ToHex(secret_), "\n", kRelayLine, ":", relay);
}

bool CallDoor::CalledBack(const PublicKey& key) const {
  MutexLock lock(&mutex_);
  return memory_.CalledBack(key);
}

void CallDoor::Accept() {
  while (true) {
    const int fd = accept4(listening_.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const uint64_t id = next_id_++;
    auto guest = std::make_unique<Guest>();
    guest->fd = fd;
    guest->timer = loop_->After(kHeadPatience, [this, id] { Drop(id); });
    guests_[id] = std::move(guest);
    loop_->Watch(fd, EPOLLIN, [this, id](uint32_t events) { OnEvents(id, events); });
    // The oldest one gives way: other users of this machine can connect, too.
    if (guests_.size() + carrier_->tunnels() > kMostConnections) Drop(guests_.begin()->first);
  }
}

void CallDoor::OnEvents(uint64_t id, uint32_t events) {
  const auto place = guests_.find(id);
  if (place == guests_.end()) return;
  if (place->second->reader.state() == HeadReader::State::kIncomplete) {
    ReadHead(id, *place->second);
  } else if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) {
    Drop(id);  // it does not wait any more
  }
}

void CallDoor::ReadHead(uint64_t id, Guest& guest) {
  char bytes[kMaxHeadBytes];
  const ssize_t got = recv(guest.fd, bytes, sizeof(bytes), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Drop(id);
  const HeadReader::State state = guest.reader.Add({bytes, static_cast<size_t>(got)});
  if (state == HeadReader::State::kIncomplete) return;
  const absl::string_view head = guest.reader.head();
  const std::optional<RelayTarget> target =
      state == HeadReader::State::kComplete ? ParseConnectRequest(head) : std::nullopt;
  const bool own = EqualSecrets(ConnectLine(head, kSecretLine).value_or(""), ToHex(secret_));
  const std::optional<std::string> relay = ConnectLine(head, kRelayLine);
  const absl::StatusOr<PublicKey> key = target.has_value()
                                            ? PublicKey::FromBytes(target->id)
                                            : absl::StatusOr<PublicKey>(absl::NotFoundError(""));
  if (!own || !key.ok() || target->kind != RelayTarget::Kind::kPeer || !relay.has_value()) {
    return Refuse(id, static_cast<int>(RelayAnswer::kBadHead));
  }
  guest.key = *key;
  // All that comes now is for the peer; only the end of the connection is of interest.
  loop_->Change(guest.fd, EPOLLRDHUP);
  loop_->Cancel(std::exchange(guest.timer, 0));
  Begin(id, guest, *relay);
}

void CallDoor::Begin(uint64_t id, Guest& guest, const std::string& relay) {
  bool call = parts_.reached_directly();
  if (call) {
    MutexLock lock(&mutex_);
    call = memory_.MayCall(guest.key, DoorNow());
  }
  if (call) {
    guest.call_id = RandomBytes(kCallIdBytes);
    parts_.front->Expect(guest.call_id,
                         [this, id](CallFront::Caller caller) { OnCaller(id, std::move(caller)); });
    guest.timer = loop_->After(parts_.patience, [this, id, call_id = guest.call_id] {
      OnNoCaller(id, call_id, /*called=*/true);
    });
  }
  workers_.Add([this, id, key = guest.key, call_id = guest.call_id, relay] {
    std::vector<SocketAddress> relays;
    const absl::StatusOr<HostPort> address = ParseHostPort(relay);
    if (address.ok()) relays = Resolve(*address, kFindPatience).addresses;
    loop_->Post([this, id, relays] { OnFound(id, relays); });
    if (call_id.empty()) return;
    const absl::Status called = parts_.call_peer(key, call_id);
    if (called.ok()) return;
    loop_->Post([this, id, call_id] { OnNoCaller(id, call_id, /*called=*/false); });
  });
}

void CallDoor::OnCaller(uint64_t id, CallFront::Caller caller) {
  Guest& guest = *guests_.at(id);  // a guest that leaves is not expected at the front
  guest.call_id.clear();
  Carry(id, caller.fd, ConnectAnswer(RelayAnswer::kConnected), caller.reader.rest(),
        /*called_back=*/true);
}

void CallDoor::OnNoCaller(uint64_t id, const std::string& call_id, bool called) {
  const auto place = guests_.find(id);
  if (place == guests_.end() || place->second->call_id != call_id) return;
  Guest& guest = *place->second;
  parts_.front->Unexpect(std::exchange(guest.call_id, ""));
  loop_->Cancel(std::exchange(guest.timer, 0));
  LogInfo("peer_did_not_come", {{"peer", guest.key.hex()}, {"called", called}});
  {
    MutexLock lock(&mutex_);
    if (called) {
      memory_.NoteSilent(guest.key, DoorNow());
    } else {
      memory_.NoteRefused(guest.key, DoorNow());
    }
  }
  if (guest.found) DialRelay(id, guest);
}

void CallDoor::OnFound(uint64_t id, std::vector<SocketAddress> relays) {
  const auto place = guests_.find(id);
  if (place == guests_.end()) return;
  Guest& guest = *place->second;
  guest.found = true;
  guest.relays = std::move(relays);
  if (guest.call_id.empty()) DialRelay(id, guest);
}

void CallDoor::DialRelay(uint64_t id, Guest& guest) {
  guest.dial = std::make_unique<RelayDial>(
      loop_, std::move(guest.relays), ConnectRequest(PeerAuthority(guest.key)), kRelayPatience,
      [this, id](RelayDial::Result relay) { OnRelay(id, std::move(relay)); });
}

void CallDoor::OnRelay(uint64_t id, RelayDial::Result relay) {
  guests_.at(id)->dial.reset();
  if (relay.fd < 0) {
    constexpr auto kDidNotCome = static_cast<int>(RelayAnswer::kDidNotCome);
    return Refuse(id, relay.refusal == 0 ? kDidNotCome : relay.refusal);
  }
  Carry(id, relay.fd, "", relay.reader.rest(), /*called_back=*/false);
}

void CallDoor::Carry(uint64_t id, int other, const std::string& words, absl::string_view rest,
                     bool called_back) {
  const std::unique_ptr<Guest> guest = std::move(guests_.at(id));
  guests_.erase(id);
  loop_->Cancel(guest->timer);
  loop_->Forget(guest->fd);
  {
    MutexLock lock(&mutex_);
    memory_.NoteConnection(guest->key, called_back);
  }
  Carrier::Pair pair;
  pair.first = guest->fd;
  pair.second = other;
  pair.to_first = absl::StrCat(ConnectAnswer(RelayAnswer::kConnected), rest);
  pair.to_second = absl::StrCat(words, guest->reader.rest());
  carrier_->Carry(std::move(pair), nullptr);
}

void CallDoor::Refuse(uint64_t id, int answer) {
  const std::string words = ConnectAnswer(static_cast<RelayAnswer>(answer));
  (void)send(guests_.at(id)->fd, words.data(), words.size(), MSG_NOSIGNAL);
  Drop(id);
}

void CallDoor::Drop(uint64_t id) {
  const auto place = guests_.find(id);
  if (place == guests_.end()) return;
  const std::unique_ptr<Guest> guest = std::move(place->second);
  guests_.erase(place);
  if (!guest->call_id.empty()) parts_.front->Unexpect(guest->call_id);
  loop_->Cancel(guest->timer);
  loop_->Forget(guest->fd);
  close(guest->fd);
}

}  // namespace arkshare
