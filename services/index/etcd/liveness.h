// Whether a replica is joining, live, or cut off from etcd.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_LIVENESS_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_LIVENESS_H_

#include <absl/time/time.h>

#include <cstdint>

#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Pure: times are those of a monotonic clock, and the caller locks.
class Liveness {
 public:
  enum class Change { kNone, kBecameLive, kWasCutOff };

  explicit Liveness(absl::Time now) : last_answer_(now) {}

  // etcd answered a call that needs a quorum, or told an event.
  void Answered(absl::Time now);
  // A transaction of this replica was committed.
  void Committed(int64_t revision);
  // Everything up to `revision` is folded.
  void Folded(int64_t revision);
  // The log was refounded: revisions begin again.
  void Refounded();
  // Changes the state. The first transaction that was committed since the start or since the cut
  // makes the replica live when it is folded; no answer for kCutOffAfter cuts it off.
  Change Tick(absl::Time now);

  SharedLog::State state() const { return state_; }
  // How long no answer has come; zero when live.
  absl::Duration Behind(absl::Time now) const;

 private:
  SharedLog::State state_ = SharedLog::State::kJoining;
  absl::Time last_answer_;
  int64_t awaited_ = 0;  // the revision that makes the replica live; 0: none is known
  bool reached_ = false;
};

// Without an answer for this long, a replica is cut off. An election takes less.
inline constexpr absl::Duration kCutOffAfter = absl::Seconds(3);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_LIVENESS_H_
