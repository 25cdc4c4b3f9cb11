#include "services/index/service/refused_watch.h"

#include <chrono>
#include <utility>

#include "lib/rpc/status.h"

namespace arkshare {

RefusedWatch::RefusedWatch(absl::Status why, absl::Duration pause, CallerShares::Share share,
                           Streams* streams, CallStats* stats)
    : why_(std::move(why)),
      share_(std::move(share)),
      streams_(streams),
      stats_(stats),
      id_(streams->Add(this)) {
  // The streams may have ended it already, before the alarm was there to be cancelled.
  MutexLock lock(&mutex_);
  const absl::Duration wait = finished_ ? absl::ZeroDuration() : pause;
  alarm_.Set(std::chrono::system_clock::now() + absl::ToChronoNanoseconds(wait),
             [this](bool /*ok*/) { OnAlarm(); });
}

void RefusedWatch::End(const absl::Status& why) {
  {
    MutexLock lock(&mutex_);
    if (std::exchange(finished_, true)) return;
  }
  stats_->CountEnd(IndexMethod::kWatch, why);
  Finish(ToGrpcStatus(why));
  // This still exists, because OnDone waits for each caller: for the lock of Streams, for OnCancel,
  // or for OnAlarm.
  alarm_.Cancel();
}

void RefusedWatch::OnDone() {
  streams_->Remove(id_);
  {
    MutexLock lock(&mutex_);
    if (!std::exchange(one_is_over_, true)) return;
  }
  delete this;
}

void RefusedWatch::OnAlarm() {
  End(why_);
  {
    MutexLock lock(&mutex_);
    if (!std::exchange(one_is_over_, true)) return;
  }
  delete this;
}

}  // namespace arkshare
