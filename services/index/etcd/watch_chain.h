// Turns the responses of a watch into the steps of the log, and proves that none is missing.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_WATCH_CHAIN_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_WATCH_CHAIN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "etcdserverpb/rpc.pb.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Every transaction of the log writes `head`, so the version of `head` grows by one with each. A
// watch that tells another version has lost a transaction. Pure; not thread-safe.
class WatchChain {
 public:
  struct Step {
    int64_t revision = 0;
    std::vector<LogEvent> events;  // without the prefix, and without the log's own keys
  };
  enum class End {
    kWhole,       // go on
    kGap,         // something is missing: load again
    kOtherBirth,  // another replica has refounded the log
  };
  struct Told {
    std::vector<Step> steps;  // complete, also when the end is another one
    End end = End::kWhole;
  };

  // `prefix` as in EtcdOptions.
  explicit WatchChain(std::string prefix) : prefix_(std::move(prefix)) {}

  // The log was loaded: `head_version` is the version of `head` at the revision before `next`; 0
  // when there was none. `birth` names the log.
  // `head_revision` wrote `head_value`.
  void Begin(int64_t next, int64_t head_version, std::string birth, int64_t head_revision = 0,
             std::string head_value = "");
  // A watch was opened again: what was told in part comes again.
  void Reopened();
  // Adds one response that has events. Keeps them until the last fragment of the response came.
  Told Add(etcdserverpb::WatchResponse response);

  // The revision from which to watch.
  int64_t next() const { return next_; }
  int64_t head_version() const { return head_version_; }
  // The last `head` that was told; 0: there was none.
  int64_t head_revision() const { return head_revision_; }
  const std::string& head_value() const { return head_value_; }

 private:
  // Adds one event to the last step. Returns how the chain goes on.
  End AddEvent(mvccpb::Event& event, Step& step);

  std::string prefix_;
  std::string birth_;
  int64_t next_ = 1;
  int64_t head_version_ = 0;
  int64_t head_revision_ = 0;
  std::string head_value_;
  std::vector<mvccpb::Event> fragments_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_WATCH_CHAIN_H_
