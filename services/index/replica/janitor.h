// Clears away what no replica needs any more from the log that they share.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_JANITOR_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_JANITOR_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "services/index/replica/roster.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// The live replica with the smallest name does the work. Two that do it at once harm nothing: every
// write is guarded by what it was decided on, or means nothing to the fold. Run is called from one
// thread.
class Janitor {
 public:
  // Sessions whose replica is dead for a lease end. All must outlive the last answer of the log.
  Janitor(absl::Duration lease, const Clock* clock, const Roster* roster, SharedLog* log)
      : lease_(lease), clock_(clock), roster_(*roster), log_(log) {}

  // Begins what is to be done now. Cheap when it is called often.
  void Run();

 private:
  bool IsMine() const;
  void EndOrphans(absl::Time now);
  void HandOver();
  void DropGarbage();
  void ForgetNumbers();
  void Commit(SharedLog::Write write);

  const absl::Duration lease_;
  const Clock* const clock_;
  const Roster& roster_;
  SharedLog* const log_;
  absl::Time next_look_ = absl::InfinitePast();
  absl::Time next_sweep_ = absl::InfinitePast();
  // Since when the replica of a session's claim is dead, by key and revision of the claim.
  absl::flat_hash_map<std::pair<PublicKey, int64_t>, absl::Time> orphans_;
  // The writes without an answer. Shared, because an answer may outlive the janitor's last Run.
  const std::shared_ptr<std::atomic<int>> under_way_ = std::make_shared<std::atomic<int>>(0);
  std::atomic<uint64_t> next_page_ = 1;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_JANITOR_H_
