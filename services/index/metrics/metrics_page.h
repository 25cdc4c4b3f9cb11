// The metrics of the index for Prometheus.
#ifndef ARKSHARE_SERVICES_INDEX_METRICS_METRICS_PAGE_H_
#define ARKSHARE_SERVICES_INDEX_METRICS_METRICS_PAGE_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

#include "services/index/catalog/catalog.h"
#include "services/index/relay/relay_server.h"
#include "services/index/service/call_stats.h"
#include "services/index/sessions/sessions.h"

namespace arkshare {

// Reads the counters of other classes when Prometheus asks. Thread-safe.
class MetricsPage : public prometheus::Collectable {
 public:
  // `relay` may be null.
  MetricsPage(const CallStats* calls, const Catalog* catalog, const Sessions* sessions,
              const RelayServer* relay = nullptr)
      : calls_(*calls), catalog_(*catalog), sessions_(*sessions), relay_(relay) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const CallStats& calls_;
  const Catalog& catalog_;
  const Sessions& sessions_;
  const RelayServer* const relay_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_METRICS_METRICS_PAGE_H_
