#include "lib/rpc/testing/silent_address.h"

#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace arkshare {
namespace {

constexpr int kRoom = 8;
// More than enough for a queue of length 0, which holds one connection.
constexpr int kConnections = 4;
// The first connections are made at once.
constexpr int kConnectMs = 50;

}  // namespace

SilentAddress::SilentAddress(Queue queue) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockets_.push_back(listener);
  if (bind(listener, generic, length) != 0 ||
      listen(listener, queue == Queue::kFull ? 0 : kRoom) != 0 ||
      getsockname(listener, generic, &length) != 0) {
    return;
  }
  for (int i = 0; queue == Queue::kFull && i < kConnections; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockets_.push_back(fd);
    (void)connect(fd, generic, length);
    pollfd connected{.fd = fd, .events = POLLOUT, .revents = 0};
    (void)poll(&connected, 1, kConnectMs);
  }
  port_ = ntohs(address.sin_port);
  address_ = absl::StrCat("127.0.0.1:", port_);
}

SilentAddress::~SilentAddress() {
  for (const int fd : sockets_) close(fd);
}

}  // namespace arkshare
