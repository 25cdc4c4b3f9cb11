#include "services/index/etcd/liveness.h"

#include <algorithm>

namespace arkshare {

using State = SharedLog::State;

void Liveness::Answered(absl::Time now) { last_answer_ = std::max(last_answer_, now); }

void Liveness::Committed(int64_t revision) {
  if (state_ != State::kLive && awaited_ == 0) awaited_ = revision;
}

void Liveness::Folded(int64_t revision) {
  if (state_ != State::kLive && awaited_ != 0 && revision >= awaited_) reached_ = true;
}

void Liveness::Refounded() {
  // Reads are of a log that is gone, until the first transaction in the new one is folded.
  if (state_ == State::kLive) state_ = State::kCutOff;
  awaited_ = 0;
  reached_ = false;
}

Liveness::Change Liveness::Tick(absl::Time now) {
  if (now - last_answer_ >= kCutOffAfter) {
    awaited_ = 0;
    reached_ = false;
    if (state_ != State::kLive) return Change::kNone;
    state_ = State::kCutOff;
    return Change::kWasCutOff;
  }
  if (!reached_) return Change::kNone;
  state_ = State::kLive;
  awaited_ = 0;
  reached_ = false;
  return Change::kBecameLive;
}

absl::Duration Liveness::Behind(absl::Time now) const {
  if (state_ == State::kLive) return absl::ZeroDuration();
  return std::max(now - last_answer_, absl::Nanoseconds(1));
}

}  // namespace arkshare
