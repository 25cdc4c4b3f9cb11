#include "clients/cli/slow_note.h"

#include <utility>

#include "lib/core/clock.h"

namespace arkshare {

SlowNote::SlowNote(std::function<void()> say, absl::Duration patience) : say_(std::move(say)) {
  if (say_) thread_ = std::thread([this, patience] { Run(patience); });
}

SlowNote::~SlowNote() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(&mutex_);
    over_ = true;
  }
  ended_.NotifyAll();
  thread_.join();
}

void SlowNote::Run(absl::Duration patience) {
  const Clock& clock = *Clock::Real();
  MutexLock lock(&mutex_);
  const absl::Time end = clock.Monotonic() + patience;
  for (absl::Time now = clock.Monotonic(); !over_ && now < end; now = clock.Monotonic()) {
    ended_.WaitFor(&mutex_, end - now);
  }
  if (!over_) say_();
}

}  // namespace arkshare
