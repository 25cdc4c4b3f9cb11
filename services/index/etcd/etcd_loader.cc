#include "services/index/etcd/etcd_loader.h"

#include <algorithm>
#include <utility>

#include "services/index/etcd/log_keys.h"

namespace arkshare {
namespace {

constexpr int64_t kPageKeys = 256;
constexpr int64_t kFewestKeys = 8;
// Pages of a load that are larger make the next one smaller: etcd holds each in memory.
constexpr size_t kPageBytes = 16 * 1024 * 1024;
constexpr absl::Duration kPageTimeout = absl::Seconds(5);

bool IsWorthARetry(EtcdFault fault) {
  return fault == EtcdFault::kUnknownOutcome || fault == EtcdFault::kTooManyRequests ||
         fault == EtcdFault::kForbidden;
}

}  // namespace

absl::Duration PauseBeforeLoad(LoadCause cause, size_t replicas, double random) {
  constexpr absl::Duration kForEach = absl::Milliseconds(200);
  constexpr absl::Duration kMost = absl::Seconds(2);
  if (cause == LoadCause::kStart || cause == LoadCause::kRefounded || replicas < 2) {
    return absl::ZeroDuration();
  }
  return random * std::min(kForEach * static_cast<int64_t>(replicas - 1), kMost);
}

LoadedLog LoadLog(EtcdClient& client, const std::string& prefix, int64_t revision,
                  const std::function<bool()>& go_on) {
  LoadedLog loaded;
  etcdserverpb::RangeRequest request;
  request.set_key(prefix);
  request.set_range_end(EndOfPrefix(prefix));
  request.set_revision(revision);
  request.set_limit(kPageKeys);
  while (true) {
    EtcdAnswer<etcdserverpb::RangeResponse> page = client.Range(request, kPageTimeout);
    if (IsWorthARetry(page.fault) && go_on()) continue;
    if (!page.ok()) {
      loaded.fault = page.fault;
      loaded.message = page.message;
      return loaded;
    }
    for (mvccpb::KeyValue& kv : *page.response.mutable_kvs()) {
      std::string key = kv.key().substr(prefix.size());
      if (IsOwnKeyOfLog(key)) continue;
      loaded.entries.push_back({std::move(key), std::move(*kv.mutable_value()), kv.mod_revision()});
    }
    if (!page.response.more() || page.response.kvs().empty()) break;
    // The smallest key after the last one.
    request.set_key(page.response.kvs().rbegin()->key() + std::string(1, '\0'));
    if (page.response.ByteSizeLong() > kPageBytes) {
      request.set_limit(std::max(request.limit() / 2, kFewestKeys));
    }
  }
  std::stable_sort(
      loaded.entries.begin(), loaded.entries.end(),
      [](const LogEntry& a, const LogEntry& b) { return LogOrder(a.key) < LogOrder(b.key); });
  return loaded;
}

}  // namespace arkshare
