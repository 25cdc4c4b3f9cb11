// Channels to other programs, with the keepalive and limits that our servers accept.
#ifndef ARKSHARE_LIB_RPC_CHANNEL_H_
#define ARKSHARE_LIB_RPC_CHANNEL_H_

#include <absl/time/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

namespace arkshare {

// `target` is "HOST:PORT", "[IPv6]:PORT" or "unix:PATH"; "localhost" is 127.0.0.1. Never uses an
// HTTP proxy. The connection is its own (not shared with other channels to the same target) and
// reconnects after at most 1 s. With `read_ahead`, in bytes, about so much is received of a stream
// before somebody reads it; without, as much as the line seems to hold, up to many MiB.
std::shared_ptr<grpc::Channel> MakeChannel(
    const std::string& target, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    int read_ahead = 0);

// Call before using the callback API of a client (`stub->async()`). gRPC 1.51 frees the queue
// behind it when the last channel that used it goes, and aborts when one comes and goes at that
// moment; this keeps one channel that used it for as long as the process lives. Thread-safe, cheap
// after the first time.
void KeepCallbackQueue();

// Sets a deadline from now.
void SetTimeout(grpc::ClientContext& context, absl::Duration timeout);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CHANNEL_H_
