#include "lib/rpc/connect_once.h"

#include <grpcpp/create_channel_posix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>

#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

// Returns a socket that is connecting; -1 when that is impossible.
int BeginToConnect(HostPort target, absl::Duration timeout) {
  if (target.host == "localhost") target.host = "127.0.0.1";
  const std::optional<SocketAddress> address = ToSocketAddress(target);
  if (!address.has_value()) return -1;
  const int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  // For a socket that is connecting, too: without it the kernel tries for two minutes.
  const auto milliseconds = static_cast<unsigned int>(
      std::clamp<int64_t>(absl::ToInt64Milliseconds(timeout), 1, std::numeric_limits<int>::max()));
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof(milliseconds));
  // Closes with a reset: thousands of connections in TIME_WAIT would use up the ports.
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address->storage), address->length) != 0 &&
      errno != EINPROGRESS) {
    close(fd);
    return -1;
  }
  return fd;
}

}  // namespace

std::shared_ptr<grpc::Channel> ConnectOnce(const std::string& target,
                                           absl::Duration connect_timeout,
                                           grpc::ChannelArguments args) {
  const absl::StatusOr<HostPort> host_port = ParseHostPort(target);
  if (!host_port.ok()) return nullptr;
  const int fd = BeginToConnect(*host_port, connect_timeout);
  if (fd < 0) return nullptr;
  args.SetString(GRPC_ARG_DEFAULT_AUTHORITY, target);
  args.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetInt(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
  args.SetInt(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  // gRPC waits until the socket is writable, which means connected.
  return grpc::CreateCustomInsecureChannelFromFd(target, fd, args);
}

}  // namespace arkshare
