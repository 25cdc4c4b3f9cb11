#include "services/index/metrics/metrics_server.h"

#include <absl/strings/str_cat.h>

#include <exception>
#include <utility>

#include "lib/rpc/host_port.h"

namespace arkshare {

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& listen, bool is_public, std::shared_ptr<prometheus::Collectable> page) {
  absl::StatusOr<HostPort> address = ParseHostPort(listen);
  if (!address.ok()) return address.status();
  if (address->host == "localhost") address->host = "127.0.0.1";
  if (!is_public && !IsLoopbackHost(address->host)) {
    return absl::InvalidArgumentError(
        absl::StrCat("will not show metrics on ", listen,
                     ": give --metrics-public if all machines in that network may read them"));
  }
  std::unique_ptr<prometheus::Exposer> exposer;
  try {
    exposer = std::make_unique<prometheus::Exposer>(address->ToString());
  } catch (const std::exception&) {
    return ExplainBindFailure(*address);
  }
  address->port = exposer->GetListeningPorts().at(0);
  return std::unique_ptr<MetricsServer>(
      new MetricsServer(std::move(page), std::move(exposer), address->ToString()));
}

MetricsServer::MetricsServer(std::shared_ptr<prometheus::Collectable> page,
                             std::unique_ptr<prometheus::Exposer> exposer, std::string address)
    : page_(std::move(page)), exposer_(std::move(exposer)), address_(std::move(address)) {
  exposer_->RegisterCollectable(page_);
}

}  // namespace arkshare
