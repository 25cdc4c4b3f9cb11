#include "services/index/etcd/etcd_channel.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <fstream>
#include <iterator>

#include "lib/core/errors.h"
#include "lib/rpc/channel.h"

namespace arkshare {
namespace {

absl::StatusOr<std::string> ReadPem(absl::string_view option, const std::string& path) {
  if (path.empty()) return "";
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in || text.find("-----BEGIN ") == std::string::npos) {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat(option, ": ", path, " is not a PEM file that can be read"));
  }
  return text;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeEtcdCredentials(
    const TlsOptions& tls) {
  if (!tls.enabled()) return grpc::InsecureChannelCredentials();
  const absl::StatusOr<std::string> ca = ReadPem("--etcd-ca", tls.ca_file);
  if (!ca.ok()) return ca.status();
  const absl::StatusOr<std::string> cert = ReadPem("--etcd-cert", tls.cert_file);
  if (!cert.ok()) return cert.status();
  const absl::StatusOr<std::string> key = ReadPem("--etcd-key", tls.key_file);
  if (!key.ok()) return key.status();
  return grpc::SslCredentials({*ca, *key, *cert});
}

std::shared_ptr<grpc::Channel> MakeEtcdChannel(
    const std::string& endpoint, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  args.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1'000);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A page of a load, or many events, may be larger than gRPC's 4 MiB.
  args.SetMaxReceiveMessageSize(-1);
  const std::string uri = TargetUri(endpoint);
  return grpc::CreateCustomChannel(uri, uri.empty() ? nullptr : credentials, args);
}

}  // namespace arkshare
