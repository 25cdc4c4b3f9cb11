#include "services/index/service/register_line.h"

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr double kWeightOfLast = 0.05;
constexpr absl::Duration kShortest = absl::Microseconds(100);
constexpr absl::Duration kLongest = absl::Milliseconds(50);
// A peer that comes back and is refused again must not move the promised times ever further away.
constexpr absl::Duration kFurthestPromise = absl::Seconds(10);

}  // namespace

absl::Status RegisterLine::RunInTurn(Turn turn) {
  {
    MutexLock lock(&mutex_);
    const absl::Time now = clock_->Monotonic();
    if (at_work_ >= kMostAtWork) {
      if (line_.empty() || now - line_.front().since < kMostWait) {
        line_.push_back({now, std::move(turn)});
        return absl::OkStatus();
      }
      return RefuseLocked(now);
    }
    ++at_work_;
  }
  if (!turn()) BeginNextTurn();
  return absl::OkStatus();
}

absl::Status RegisterLine::CheckNotCrowded() {
  MutexLock lock(&mutex_);
  return line_.empty() ? absl::OkStatus() : RefuseLocked(clock_->Monotonic());
}

absl::Status RegisterLine::RefuseLocked(absl::Time now) {
  promised_ = std::max(promised_, now + kMostWait) + interval_;
  promised_ = std::min(promised_, now + kFurthestPromise);
  return MakeError(Reason::kLimitExceeded, "too many peers register at this moment", {},
                   promised_ - now);
}

void RegisterLine::EndTurn() {
  {
    MutexLock lock(&mutex_);
    const absl::Time now = clock_->Monotonic();
    if (!line_.empty()) {
      const absl::Duration interval = std::clamp(now - last_end_, kShortest, kLongest);
      interval_ = interval_ * (1 - kWeightOfLast) + interval * kWeightOfLast;
    }
    last_end_ = now;
  }
  BeginNextTurn();
}

void RegisterLine::BeginNextTurn() {
  while (true) {
    Turn turn;
    {
      MutexLock lock(&mutex_);
      if (line_.empty()) {
        --at_work_;
        return;
      }
      turn = std::move(line_.front().turn);
      line_.pop_front();
    }
    if (turn()) return;
  }
}

}  // namespace arkshare
