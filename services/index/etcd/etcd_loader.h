// Reads the whole log at one revision.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_ETCD_LOADER_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_ETCD_LOADER_H_

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "services/index/etcd/etcd_client.h"
#include "services/index/shared_log/log_metrics.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

struct LoadedLog {
  EtcdFault fault = EtcdFault::kNone;  // kCompacted: begin again at a later revision
  std::string message;
  std::vector<LogEntry> entries;  // in the order of LogOrder, without the log's own keys
};

// Returns how long a replica waits before it loads the log again: what made one of them load it has
// often reached all, and a node of etcd has better things to do than to answer them together. At
// most 0.2 s for each other replica, and two seconds. `random` is from [0, 1). Zero when this
// replica has nothing until it has loaded. Pure.
absl::Duration PauseBeforeLoad(LoadCause cause, size_t replicas, double random);

// Blocks. Reads in pages, each repeated at another endpoint until it was answered, for as long as
// `go_on` returns true; otherwise the fault is kUnknownOutcome. `go_on` waits between tries.
LoadedLog LoadLog(EtcdClient& client, const std::string& prefix, int64_t revision,
                  const std::function<bool()>& go_on);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_ETCD_LOADER_H_
