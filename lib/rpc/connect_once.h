// A channel for one or two calls, at about half the cost of MakeChannel.
#ifndef ARKSHARE_LIB_RPC_CONNECT_ONCE_H_
#define ARKSHARE_LIB_RPC_CONNECT_ONCE_H_

#include <absl/time/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>

namespace arkshare {

// Begins one connection to `target` ("IP:PORT" or "[IPv6]:PORT") without TLS, and does not wait for
// it. It never reconnects: once the connection is refused or broken, or is not made within
// `connect_timeout`, calls fail with UNAVAILABLE. A call ignores its deadline and TryCancel until
// then, so `connect_timeout` must be less than the deadlines. The channel has no name resolution,
// load balancing or keepalive. Returns null when `target` is a name, or when the connection cannot
// begin. `args` are the caller's own settings.
std::shared_ptr<grpc::Channel> ConnectOnce(const std::string& target,
                                           absl::Duration connect_timeout,
                                           grpc::ChannelArguments args = {});

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CONNECT_ONCE_H_
