#include "services/index/service/reach_dialer.h"

#include <optional>
#include <utility>

namespace arkshare {

ReachDialer::ReachDialer(Sessions* sessions, DialMeans means, absl::Duration timeout)
    : sessions_(sessions), means_(std::move(means)), timeout_(timeout) {}

ReachDialer::~ReachDialer() {
  MutexLock lock(&mutex_);
  for (const auto& [id, dial_back] : at_work_) dial_back->Cancel();
  while (!at_work_.empty()) ended_.Wait(&mutex_);
}

void ReachDialer::Run() {
  while (HasRoom()) {
    const std::optional<ReachedPeer> check = sessions_->BeginReachCheck();
    if (!check.has_value()) return;
    Begin(*check);
  }
}

bool ReachDialer::HasRoom() {
  MutexLock lock(&mutex_);
  return at_work_.size() < kMostAtWork;
}

void ReachDialer::Begin(const ReachedPeer& check) {
  // Held until the call is among those at work, so that its end finds it there.
  MutexLock lock(&mutex_);
  const uint64_t id = next_id_++;
  at_work_[id] = DialBack::Start({check.address, check.key, "", timeout_}, means_,
                                 [this, id, check](const DialBack::Judge& judge) {
                                   sessions_->EndReachCheck(check, judge().proven);
                                   End(id);
                                 });
}

void ReachDialer::End(uint64_t id) {
  MutexLock lock(&mutex_);
  at_work_.erase(id);
  ended_.NotifyAll();
}

}  // namespace arkshare
