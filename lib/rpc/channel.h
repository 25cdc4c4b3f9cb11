// Channels to other programs, with the keepalive and limits that RpcServer accepts.
#ifndef ARKSHARE_LIB_RPC_CHANNEL_H_
#define ARKSHARE_LIB_RPC_CHANNEL_H_

#include <absl/time/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

namespace arkshare {

// Makes a channel to "HOST:PORT", "[IPv6]:PORT" or "unix:PATH"; "localhost" means 127.0.0.1. A
// target of another form that gRPC knows ("dns:///…", "ipv4:…") is a channel on which every call
// fails. What has the form HOST:PORT is a host, also "unix:7070". Never uses an HTTP proxy and
// never inflates a compressed message, which ends the call. Its connection is not shared with other
// channels, and reconnects after at most 1 s. `read_ahead` limits, in bytes, how far gRPC receives
// a stream ahead of its reader; 0: gRPC decides, up to many MiB. An attempt to connect may take
// `connect_timeout`, with TLS. A name whose address changes is resolved again after at most a
// second without a connection. With TLS the server must have a certificate for `tls_name`; "": for
// the host of the target. With `authority` (lib/rpc/relayed_target.h) the target is a relay, which
// is asked to connect to that, whatever the environment says of proxies, in a head with
// `connect_lines` besides: "NAME:VALUE", with "\n" between them.
std::shared_ptr<grpc::Channel> MakeChannel(
    const std::string& target, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    int read_ahead = 0, absl::Duration connect_timeout = absl::Seconds(5),
    const std::string& tls_name = "", const std::string& authority = "",
    const std::string& connect_lines = "");

// Returns the URI that MakeChannel gives to gRPC; "" for a target of another form. gRPC itself
// would make a socket of "unix:7070", and of "dns:7070" a name without a port.
std::string TargetUri(const std::string& target);

// Keeps the queue of gRPC's callback API alive. Call before any use of that API on the client side
// (`stub->async()`). gRPC 1.51 frees the queue when the last channel that used it is destroyed, and
// aborts when another channel is made and destroyed at that moment. One channel that is never
// destroyed prevents both. Thread-safe, cheap after the first call.
void KeepCallbackQueue();

// Sets the deadline of a call to `timeout` from now.
void SetTimeout(grpc::ClientContext& context, absl::Duration timeout);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CHANNEL_H_
