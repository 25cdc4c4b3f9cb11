#include "services/peer/calls/call_front.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "lib/rpc/accept_guard.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

constexpr int kAcceptedInTurn = 64;
// The first byte of CONNECT. No connection of HTTP/2 or TLS begins with it.
constexpr char kFirstOfCall = 'C';

void Refuse(int fd, RelayAnswer answer) {
  const std::string words = ConnectAnswer(answer);
  (void)send(fd, words.data(), words.size(), MSG_NOSIGNAL);
  close(fd);
}

// As gRPC does, binds the wildcard of both families.
absl::StatusOr<Listening> ListenForBoth(const std::string& address) {
  const absl::StatusOr<HostPort> wanted = ParseHostPort(address);
  if (wanted.ok() && wanted->host == "0.0.0.0") {
    absl::StatusOr<Listening> both = ListenAt(HostPort{"::", wanted->port}.ToString());
    if (both.ok()) {
      both->address = HostPort{wanted->host, both->port}.ToString();
      return both;
    }
  }
  return ListenAt(address);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CallFront>> CallFront::Listen(const std::string& address) {
  GuardAccept();
  absl::StatusOr<Listening> listening = ListenForBoth(address);
  if (!listening.ok()) return listening.status();
  return std::unique_ptr<CallFront>(new CallFront(*std::move(listening)));
}

CallFront::~CallFront() {
  Close();
  loop_.Stop();
}

void CallFront::Open(Give server) {
  loop_.Run([&] {
    server_ = std::move(server);
    loop_.Watch(listening_.fd, EPOLLIN, [this](uint32_t) { Accept(); });
  });
}

void CallFront::Close() {
  loop_.Run([this] { CloseOnLoop(); });
}

void CallFront::CloseOnLoop() {
  if (!std::exchange(open_, false)) return;
  loop_.Forget(listening_.fd);
  close(listening_.fd);
  while (!undecided_.empty()) CloseWithReset(Release(undecided_.begin()->first));
  server_ = nullptr;
}

void CallFront::Expect(const std::string& call_id, Arrived arrived) {
  expected_[call_id] = std::move(arrived);
}

void CallFront::Accept() {
  for (int i = 0; i < kAcceptedInTurn; ++i) {
    const int fd = accept4(listening_.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (undecided_.size() >= kMostUndecided) Decide(undecided_.begin()->first);
    const uint64_t id = next_id_++;
    Connection& connection = undecided_[id];
    connection.fd = fd;
    connection.timer = loop_.After(kPatience, [this, id] { Decide(id); });
    loop_.Watch(fd, EPOLLIN, [this, id](uint32_t) { OnEvents(id); });
  }
}

void CallFront::OnEvents(uint64_t id) {
  const auto place = undecided_.find(id);
  if (place == undecided_.end()) return;
  Connection& connection = place->second;
  if (connection.call) return ReadHead(id, connection);
  char first = 0;
  const ssize_t got = recv(connection.fd, &first, 1, MSG_PEEK);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  connection.call = got == 1 && first == kFirstOfCall;
  if (!connection.call) return Decide(id);
  ReadHead(id, connection);
}

void CallFront::ReadHead(uint64_t id, Connection& connection) {
  char bytes[kMaxHeadBytes];
  const ssize_t got = recv(connection.fd, bytes, sizeof(bytes), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Decide(id);
  const HeadReader::State state = connection.reader.Add({bytes, static_cast<size_t>(got)});
  if (state == HeadReader::State::kIncomplete) return;
  const std::optional<RelayTarget> target = state == HeadReader::State::kComplete
                                                ? ParseConnectRequest(connection.reader.head())
                                                : std::nullopt;
  HeadReader reader = std::move(connection.reader);
  const int fd = Release(id);
  if (!target.has_value() || target->kind != RelayTarget::Kind::kCall) {
    return Refuse(fd, RelayAnswer::kBadHead);
  }
  const auto expected = expected_.find(target->id);
  if (expected == expected_.end()) return Refuse(fd, RelayAnswer::kNoSuchPeer);
  const Arrived arrived = std::move(expected->second);
  expected_.erase(expected);
  arrived({fd, std::move(reader)});
}

int CallFront::Release(uint64_t id) {
  const auto place = undecided_.find(id);
  const int fd = place->second.fd;
  loop_.Forget(fd);
  loop_.Cancel(place->second.timer);
  undecided_.erase(place);
  return fd;
}

void CallFront::Decide(uint64_t id) {
  const bool call = undecided_.at(id).call;
  const int fd = Release(id);
  if (call) {
    Refuse(fd, RelayAnswer::kBadHead);
  } else {
    server_(fd);
  }
}

}  // namespace arkshare
