#include "lib/rpc/channel.h"

#include <absl/status/statusor.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <cstddef>
#include <new>
#include <string>

#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

// GRPC_ARG_HTTP_CONNECT_SERVER, which no public header has. GRPC_ARG_HTTP_PROXY would obey the
// variable no_proxy of the environment.
constexpr char kConnectServer[] = "grpc.http_connect_server";
// GRPC_ARG_HTTP_CONNECT_HEADERS, the same.
constexpr char kConnectHeaders[] = "grpc.http_connect_headers";

}  // namespace

std::string TargetUri(const std::string& target) {
  absl::StatusOr<HostPort> parsed = ParseHostPort(target);
  if (!parsed.ok()) return absl::StartsWith(target, "unix:") ? target : "";
  // RpcServer binds 127.0.0.1 for "localhost". No resolver is asked: c-ares 1.18 leaks memory.
  if (parsed->host == "localhost") parsed->host = "127.0.0.1";
  return absl::StrCat("dns:///",
                      absl::StrReplaceAll(parsed->ToString(), {{"[", "%5B"}, {"]", "%5D"}}));
}

std::shared_ptr<grpc::Channel> MakeChannel(
    const std::string& target, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    int read_ahead, absl::Duration connect_timeout, const std::string& tls_name,
    const std::string& authority, const std::string& connect_lines) {
  grpc::ChannelArguments args;
  if (!authority.empty()) args.SetString(kConnectServer, authority);
  if (!connect_lines.empty()) args.SetString(kConnectHeaders, connect_lines);
  if (!tls_name.empty()) args.SetSslTargetNameOverride(tls_name);
  // Notices a dead connection within 15 s, even without calls. RpcServer allows a ping every 5 s.
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  // In spite of its name, the longest time that one attempt to connect may take.
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
              static_cast<int>(absl::ToInt64Milliseconds(connect_timeout)));
  // Half a minute by default.
  args.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1'000);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // The other side could send a kilobyte that becomes a megabyte. As in RpcServer.
  args.SetInt(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
  args.SetInt(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  args.SetInt(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE);
  if (read_ahead > 0) {
    args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, read_ahead);
  }
  const std::string uri = TargetUri(target);
  // gRPC makes a channel that is always broken when there are no credentials.
  return grpc::CreateCustomChannel(uri, uri.empty() ? nullptr : credentials, args);
}

namespace {

// Returns a channel that tries to connect once a day, to a port where no server listens.
std::shared_ptr<grpc::Channel> UnusableChannel() {
  constexpr int kDayMs = 24 * 3600 * 1000;
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kDayMs);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kDayMs);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kDayMs);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("127.0.0.1:1", grpc::InsecureChannelCredentials(), args);
}

}  // namespace

void KeepCallbackQueue() {
  struct Keeper {
    grpc::GenericStub stub{UnusableChannel()};
    grpc::ClientContext context;
    grpc::Slice nothing;
    grpc::ByteBuffer request{&nothing, 1};
    grpc::ByteBuffer response;
  };
  // Never destroyed, on purpose. In static memory, where leak checkers can see it.
  alignas(Keeper) static std::byte memory[sizeof(Keeper)];
  [[maybe_unused]] static Keeper* const kept = [] {
    auto* keeper = new (memory) Keeper;
    SetTimeout(keeper->context, absl::ZeroDuration());
    keeper->stub.UnaryCall(&keeper->context, "/arkshare/KeepCallbackQueue", grpc::StubOptions(),
                           &keeper->request, &keeper->response, [](const grpc::Status&) {});
    return keeper;
  }();
}

void SetTimeout(grpc::ClientContext& context, absl::Duration timeout) {
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoNanoseconds(timeout));
}

}  // namespace arkshare
