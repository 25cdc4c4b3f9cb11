#include "services/index/etcd/watch_dog.h"

#include <algorithm>

namespace arkshare {
namespace {

constexpr absl::Duration kWatchPatience = absl::Seconds(1);

}  // namespace

void WatchDog::Opened(absl::Time now) {
  open_ = true;
  created_ = false;
  busy_ = false;
  heard_ = now;
  owed_since_ = owed_ > told_ ? now : absl::InfiniteFuture();
}

void WatchDog::Heard(absl::Time now) {
  created_ = true;
  busy_ = true;
  heard_ = now;
}

void WatchDog::Waiting(int64_t revision, absl::Time now) {
  busy_ = false;
  heard_ = now;
  told_ = revision;
  if (owed_ <= told_) owed_since_ = absl::InfiniteFuture();
}

void WatchDog::Committed(int64_t revision, absl::Time now) {
  owed_ = std::max(owed_, revision);
  if (owed_ > told_) owed_since_ = std::min(owed_since_, now);
}

void WatchDog::Refounded() {
  told_ = 0;
  owed_ = 0;
  owed_since_ = absl::InfiniteFuture();
}

bool WatchDog::Overdue(absl::Time now) const {
  if (!open_ || busy_ || now - heard_ < kWatchPatience) return false;
  return !created_ || now - owed_since_ >= kWatchPatience;
}

}  // namespace arkshare
