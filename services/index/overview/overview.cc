#include "services/index/overview/overview.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/core/key.h"
#include "lib/http/security_headers.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

std::vector<ConnectBridge::Target> ReadingCalls(std::shared_ptr<grpc::Channel> index) {
  std::vector<ConnectBridge::Target> targets;
  targets.push_back({.service = {.name = "arkshare.v1.IndexService",
                                 .only = {"Search", "ListPeers", "ListBooks", "Watch"}},
                     .channel = [index = std::move(index)] { return index; }});
  return targets;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Overview>> Overview::Start(Options options,
                                                          absl::Span<const WebAsset> assets,
                                                          std::shared_ptr<grpc::Channel> index,
                                                          HttpHeaders metadata) {
  const absl::StatusOr<HostPort> address = ParseHostPort(options.listen);
  if (!address.ok()) return address.status();
  if (!options.is_public && !IsLoopbackHost(address->host)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "will not show the web page on ", options.listen,
        ": give --web-public if all machines in that network may see who has which book"));
  }
  std::unique_ptr<Overview> overview(
      new Overview(options, assets, std::move(index), std::move(metadata)));
  absl::StatusOr<std::unique_ptr<HttpServer>> http =
      HttpServer::Start({.listen = options.listen}, [&](const HttpServer& made) -> HttpHandler* {
        overview->origin_.emplace(
            OriginCheck::Options{.port = made.port(),
                                 .listen_host = ParseHostPort(made.address()).value().host,
                                 .names = options.names});
        return overview.get();
      });
  if (!http.ok()) return http.status();
  overview->http_ = *std::move(http);
  return overview;
}

Overview::Overview(const Options& options, absl::Span<const WebAsset> assets,
                   std::shared_ptr<grpc::Channel> index, HttpHeaders metadata)
    : files_(assets, "overview.html", options.folder),
      boot_id_(absl::BytesToHexString(RandomBytes(8))),
      metadata_(std::move(metadata)),
      bridge_(ReadingCalls(std::move(index))) {}

std::optional<HttpResponse> Overview::Refuse(const HttpRequest& request) const {
  std::optional<HttpResponse> refusal = origin_->Check(request, request.path() == "/");
  if (!refusal.has_value() && IsConnectPath(request.path())) refusal = bridge_.Check(request);
  return refusal;
}

std::optional<HttpResponse> Overview::Check(const HttpRequest& request) {
  std::optional<HttpResponse> refusal = Refuse(request);
  if (!refusal.has_value()) return std::nullopt;
  return Finish(*std::move(refusal));
}

HttpResponse Overview::Handle(const HttpRequest& request) {
  if (!IsConnectPath(request.path())) return Finish(files_.Get(request));
  return Finish(bridge_.Call(request, {.name = "overview", .metadata = metadata_}));
}

HttpResponse Overview::Finish(HttpResponse response) const {
  AddSecurityHeaders(response);
  response.headers.emplace_back("Arkshare-Boot-Id", boot_id_);
  return response;
}

}  // namespace arkshare
