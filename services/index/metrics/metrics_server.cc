#include "services/index/metrics/metrics_server.h"

#include <absl/strings/str_cat.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <utility>

#include "lib/rpc/host_port.h"

namespace arkshare {

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& listen, bool is_public, std::shared_ptr<prometheus::Collectable> page) {
  absl::StatusOr<HostPort> address = ParseHostPort(listen);
  if (!address.ok()) return address.status();
  if (!is_public && !IsLoopbackHost(address->host)) {
    return absl::InvalidArgumentError(
        absl::StrCat("will not show metrics on ", listen,
                     ": give --metrics-public if all machines in that network may read them"));
  }
  std::unique_ptr<MetricsServer> server(new MetricsServer(std::move(page)));
  absl::StatusOr<std::unique_ptr<HttpServer>> http =
      HttpServer::Start({.listen = listen, .max_body = 0}, server.get());
  if (!http.ok()) return http.status();
  server->http_ = *std::move(http);
  return server;
}

std::optional<HttpResponse> MetricsServer::Check(const HttpRequest& request) {
  if (request.path() != "/metrics") return TextResponse(404, "the metrics are at /metrics");
  if (request.method == "GET" || request.method == "HEAD") return std::nullopt;
  HttpResponse response = TextResponse(405, "the metrics can only be read");
  response.headers.emplace_back("Allow", "GET, HEAD");
  return response;
}

HttpResponse MetricsServer::Handle(const HttpRequest& /*request*/) {
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, page_->Collect());
  HttpResponse response;
  response.headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}};
  response.body = text.str();
  return response;
}

}  // namespace arkshare
