#include "lib/relay/relay_dial.h"

#include <absl/strings/str_cat.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "lib/relay/sockets.h"
#include "lib/rpc/resolve.h"

namespace arkshare {

RelayDial::RelayDial(EventLoop* loop, std::vector<SocketAddress> relays, std::string request,
                     absl::Duration patience, Done done)
    : loop_(loop),
      relays_(std::move(relays)),
      request_(std::move(request)),
      done_(std::move(done)) {
  // The first try may fail at once.
  timer_ = loop_->After(absl::ZeroDuration(), [this, patience] {
    timer_ = loop_->After(patience, [this] { Fail("it takes too long"); });
    Connect();
  });
}

RelayDial::~RelayDial() {
  loop_->Cancel(timer_);
  if (result_.fd < 0) return;
  loop_->Forget(result_.fd);
  CloseWithReset(result_.fd);
}

void RelayDial::Connect() {
  while (!relays_.empty()) {
    const SocketAddress relay = relays_.front();
    relays_.erase(relays_.begin());
    result_.fd = BeginConnect(relay);
    if (result_.fd >= 0) {
      return loop_->Watch(result_.fd, EPOLLOUT, [this](uint32_t) { SendRequest(); });
    }
    error_ = errno;
  }
  Fail(error_ == 0 ? "it has no address" : ConnectErrorInWords(error_));
}

void RelayDial::SendRequest() {
  error_ = ConnectError(result_.fd);
  loop_->Forget(result_.fd);
  if (error_ != 0) {
    close(std::exchange(result_.fd, -1));
    return Connect();
  }
  // An empty socket buffer takes it as a whole.
  const ssize_t sent = send(result_.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
  loop_->Watch(result_.fd, EPOLLIN, [this](uint32_t) { ReadAnswer(); });
  if (sent != static_cast<ssize_t>(request_.size())) Fail("it takes no bytes");
}

void RelayDial::ReadAnswer() {
  char bytes[kMaxHeadBytes];
  const ssize_t got = recv(result_.fd, bytes, sizeof(bytes), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Fail("it ends the connection");
  const HeadReader::State state = result_.reader.Add({bytes, static_cast<size_t>(got)});
  if (state == HeadReader::State::kIncomplete) return;
  const std::optional<int> answer = state == HeadReader::State::kComplete
                                        ? ParseConnectAnswer(result_.reader.head())
                                        : std::nullopt;
  if (!answer.has_value()) return Fail("what answers there is not a relay of arkshare");
  if (*answer != static_cast<int>(RelayAnswer::kConnected)) {
    return Fail(absl::StrCat("it answers ", *answer), *answer);
  }
  loop_->Forget(result_.fd);
  End();
}

void RelayDial::Fail(const std::string& why, int refusal) {
  if (const int fd = std::exchange(result_.fd, -1); fd >= 0) {
    loop_->Forget(fd);
    CloseWithReset(fd);
  }
  result_.why = why;
  result_.refusal = refusal;
  End();
}

void RelayDial::End() {
  loop_->Cancel(timer_);
  const Done done = std::move(done_);
  Result result = std::move(result_);
  result_.fd = -1;
  done(std::move(result));
}

}  // namespace arkshare
