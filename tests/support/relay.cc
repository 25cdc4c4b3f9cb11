#include "tests/support/relay.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "lib/core/clock.h"
#include "tests/support/process.h"

namespace arkshare {
namespace {

// Little waits in the relay: what a program has not got when the line is cut, its peer has hardly
// sent.
constexpr int kBufferBytes = 64 * 1024;

[[noreturn]] void Die(const char* what) {
  std::cerr << "relay: " << what << ": " << std::strerror(errno) << std::endl;
  std::abort();
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int NewSocket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) Die("socket");
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof kBufferBytes);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
  return fd;
}

bool SendAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = ::send(fd, data, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

Relay::Relay() : listener_(NewSocket()) {
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0) Die("bind");
  if (::listen(listener_, SOMAXCONN) != 0) Die("listen");
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  thread_ = std::thread([this] { Listen(); });
}

Relay::~Relay() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    Break();
    changed_.NotifyAll();
  }
  ::shutdown(listener_, SHUT_RDWR);  // wakes accept
  thread_.join();
  ::close(listener_);
  std::list<Connection> connections;
  {
    MutexLock lock(&mutex_);
    connections.swap(connections_);
  }
  for (Connection& connection : connections) {
    connection.up.join();
    connection.down.join();
    ::close(connection.client);
    ::close(connection.server);
  }
}

void Relay::SetTarget(const std::string& address) {
  int port = 0;
  if (!absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) Die(address.c_str());
  MutexLock lock(&mutex_);
  target_port_ = port;
  changed_.NotifyAll();
}

uint64_t Relay::bytes() const {
  MutexLock lock(&mutex_);
  return bytes_;
}

bool Relay::AwaitBytes(uint64_t bytes) const {
  const absl::Time deadline = Clock::Real()->Monotonic() + kPatience;
  MutexLock lock(&mutex_);
  while (bytes_ < bytes) {
    const absl::Duration left = deadline - Clock::Real()->Monotonic();
    if (left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(&mutex_, left);
  }
  return true;
}

void Relay::Cut() {
  MutexLock lock(&mutex_);
  cut_ = true;
  Break();
}

void Relay::Mend() {
  MutexLock lock(&mutex_);
  cut_ = false;
}

// Their threads see the end; the descriptors stay open until the relay goes, so that no other file
// gets their numbers.
void Relay::Break() {
  for (const Connection& connection : connections_) {
    ::shutdown(connection.client, SHUT_RDWR);
    ::shutdown(connection.server, SHUT_RDWR);
  }
}

void Relay::Listen() {
  while (true) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    Connect(client);
  }
}

void Relay::Connect(int client) {
  const int server = NewSocket();
  MutexLock lock(&mutex_);
  while (!target_port_ && !stopping_) changed_.Wait(&mutex_);
  const sockaddr_in target = Loopback(target_port_.value_or(0));
  if (cut_ || stopping_ ||
      ::connect(server, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    ::close(client);
    ::close(server);
    return;
  }
  Connection& connection = connections_.emplace_back();
  connection.client = client;
  connection.server = server;
  connection.up = std::thread([this, client, server] { Copy(client, server, /*count=*/false); });
  connection.down = std::thread([this, client, server] { Copy(server, client, /*count=*/true); });
}

void Relay::Copy(int from, int to, bool count) {
  std::array<char, kBufferBytes> buffer;
  while (true) {
    const ssize_t n = ::recv(from, buffer.data(), buffer.size(), 0);
    if (n <= 0) break;
    if (count) {
      MutexLock lock(&mutex_);
      if (cut_) break;  // it came a moment before
      bytes_ += static_cast<uint64_t>(n);
      changed_.NotifyAll();
    }
    if (!SendAll(to, buffer.data(), static_cast<size_t>(n))) break;
  }
  // Both ways end together, as when a program dies.
  ::shutdown(from, SHUT_RDWR);
  ::shutdown(to, SHUT_RDWR);
}

}  // namespace arkshare
