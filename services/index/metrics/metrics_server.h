// The port on which Prometheus reads the metrics.
#ifndef ARKSHARE_SERVICES_INDEX_METRICS_METRICS_SERVER_H_
#define ARKSHARE_SERVICES_INDEX_METRICS_METRICS_SERVER_H_

#include <absl/status/statusor.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <memory>
#include <string>

namespace arkshare {

// Serves http://ADDRESS/metrics, without encryption, on two threads of its own.
class MetricsServer {
 public:
  // `listen` is "IP:PORT" (port 0: any free one). Errors, for people: InvalidArgument (an invalid
  // address, or one that other machines can reach without `is_public`), AlreadyExists (port in
  // use), PermissionDenied.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& listen, bool is_public, std::shared_ptr<prometheus::Collectable> page);

  // Returns "IP:PORT" with the port that was bound.
  const std::string& address() const { return address_; }

 private:
  MetricsServer(std::shared_ptr<prometheus::Collectable> page,
                std::unique_ptr<prometheus::Exposer> exposer, std::string address);

  // Kept here, because the exposer only has a weak pointer.
  const std::shared_ptr<prometheus::Collectable> page_;
  const std::unique_ptr<prometheus::Exposer> exposer_;
  const std::string address_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_METRICS_METRICS_SERVER_H_
