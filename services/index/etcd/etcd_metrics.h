// Figures of the log for the index's metrics.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_ETCD_METRICS_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_ETCD_METRICS_H_

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Why the whole log was read.
enum class LoadCause { kStart, kCompacted, kGap, kReplicas, kRefounded };
inline constexpr size_t kLoadCauses = 5;
constexpr absl::string_view LoadCauseName(LoadCause cause) {
  constexpr absl::string_view kNames[kLoadCauses] = {"start", "compacted", "gap", "replicas",
                                                     "refounded"};
  return kNames[static_cast<size_t>(cause)];
}

struct EtcdMetrics {
  SharedLog::State state = SharedLog::State::kJoining;
  int64_t applied = 0;
  absl::Duration behind;
  size_t queued_bytes = 0;
  uint64_t transactions = 0;  // that were made
  uint64_t sent_again = 0;    // because an outcome was unknown
  uint64_t compactions = 0;   // by this replica
  std::array<uint64_t, kLoadCauses> loads{};
  int64_t db_bytes = 0;  // of the node that was asked last
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_ETCD_METRICS_H_
