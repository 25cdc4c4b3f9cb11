// The port on which Prometheus reads the metrics.
#ifndef ARKSHARE_SERVICES_INDEX_METRICS_METRICS_SERVER_H_
#define ARKSHARE_SERVICES_INDEX_METRICS_METRICS_SERVER_H_

#include <absl/status/statusor.h>
#include <prometheus/collectable.h>

#include <memory>
#include <string>

#include "lib/http/server.h"

namespace arkshare {

// Serves http://ADDRESS/metrics, without encryption and under any name, and nothing else.
class MetricsServer : private HttpHandler {
 public:
  // `listen` is "IP:PORT" (port 0: any free one). Errors, for people: InvalidArgument (an invalid
  // address, or one that other machines can reach without `is_public`), AlreadyExists (port in
  // use), PermissionDenied.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& listen, bool is_public, std::shared_ptr<prometheus::Collectable> page);

  // Returns "IP:PORT" with the port that was bound.
  const std::string& address() const { return http_->address(); }

 private:
  explicit MetricsServer(std::shared_ptr<prometheus::Collectable> page) : page_(std::move(page)) {}

  std::optional<HttpResponse> Check(const HttpRequest& request) override;
  HttpResponse Handle(const HttpRequest& request) override;

  const std::shared_ptr<prometheus::Collectable> page_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_METRICS_METRICS_SERVER_H_
