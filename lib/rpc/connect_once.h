// A channel for a call or two, at about half the cost of MakeChannel's.
#ifndef ARKSHARE_LIB_RPC_CONNECT_ONCE_H_
#define ARKSHARE_LIB_RPC_CONNECT_ONCE_H_

#include <grpcpp/channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>

namespace arkshare {

// Begins one connection to `target`, "IP:PORT" or "[IPv6]:PORT", without TLS, and does not wait for
// it. Calls fail with UNAVAILABLE once it is refused or broken: there is no second one, nothing
// that resolves names, balances loads or keeps a connection alive. Null when `target` is a name, or
// when the connection cannot even begin. `args` are settings of a caller's own.
std::shared_ptr<grpc::Channel> ConnectOnce(const std::string& target,
                                           grpc::ChannelArguments args = {});

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CONNECT_ONCE_H_
