#include "lib/core/bell.h"

namespace arkshare {

void Bell::Ring() {
  MutexLock lock(&mutex_);
  ++rings_.all;
  rung_.NotifyAll();
}

void Bell::RingUrgently() {
  MutexLock lock(&mutex_);
  ++rings_.all;
  ++rings_.urgent;
  rung_.NotifyAll();
  rung_urgent_.NotifyAll();
}

void Bell::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
  rung_.NotifyAll();
  rung_urgent_.NotifyAll();
}

bool Bell::closed() const {
  MutexLock lock(&mutex_);
  return closed_;
}

Bell::Rings Bell::rings() const {
  MutexLock lock(&mutex_);
  return rings_;
}

// A wake-up without a ring ends the wait early, which the listener cannot tell from a time-out.
Bell::Rings Bell::Await(const Rings& heard, absl::Duration wait) const {
  MutexLock lock(&mutex_);
  if (rings_.all == heard.all && !closed_) rung_.WaitFor(&mutex_, wait);
  return rings_;
}

Bell::Rings Bell::AwaitUrgent(const Rings& heard, absl::Duration wait) const {
  MutexLock lock(&mutex_);
  if (rings_.urgent == heard.urgent && !closed_) rung_urgent_.WaitFor(&mutex_, wait);
  return rings_;
}

}  // namespace arkshare
