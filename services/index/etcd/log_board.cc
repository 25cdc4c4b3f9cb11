#include "services/index/etcd/log_board.h"

#include <algorithm>
#include <utility>

namespace arkshare {

void LogBoard::Answered() {
  MutexLock lock(&mutex_);
  liveness_.Answered(clock_->Monotonic());
}

void LogBoard::Committed(int64_t revision, int64_t folded) {
  MutexLock lock(&mutex_);
  if (revision <= folded) {
    if (folded <= known_.folded) known_.end_lost = true;
    if (watch_ != nullptr) watch_->Cancel();
    return;
  }
  liveness_.Committed(revision);
  liveness_.Folded(known_.folded);
  dog_.Committed(revision, clock_->Monotonic());
}

void LogBoard::LostEnd() {
  MutexLock lock(&mutex_);
  known_.end_lost = true;
}

Liveness::Change LogBoard::Tick() {
  MutexLock lock(&mutex_);
  return liveness_.Tick(clock_->Monotonic());
}

void LogBoard::Began(const std::string& birth, int64_t founded) {
  MutexLock lock(&mutex_);
  if (!known_.birth.empty()) {
    liveness_.Refounded();
    dog_.Refounded();
  }
  known_ = KnownLog{};
  known_.birth = birth;
  founded_ = founded;
  replicas_.clear();
  changed_.NotifyAll();
}

void LogBoard::Folded(int64_t revision, int64_t head_version) {
  MutexLock lock(&mutex_);
  known_.folded = std::max(known_.folded, revision);
  known_.head_version = head_version;
  liveness_.Folded(known_.folded);
}

void LogBoard::SetReplicas(std::set<std::string> keys) {
  MutexLock lock(&mutex_);
  replicas_ = std::move(keys);
}

void LogBoard::ReplicaCame(const std::string& key) {
  MutexLock lock(&mutex_);
  replicas_.insert(key);
}

void LogBoard::ReplicaWent(const std::string& key) {
  MutexLock lock(&mutex_);
  replicas_.erase(key);
  if (key == own_key_) own_key_went_ = true;
}

bool LogBoard::TakeOwnKeyWent() {
  MutexLock lock(&mutex_);
  return std::exchange(own_key_went_, false);
}

std::set<std::string> LogBoard::replicas() const {
  MutexLock lock(&mutex_);
  return replicas_;
}

void LogBoard::Beat(uint64_t beat) {
  MutexLock lock(&mutex_);
  known_.beat = beat;
}

std::string LogBoard::AwaitBirth() {
  MutexLock lock(&mutex_);
  while (known_.birth.empty() && !stopped_) changed_.Wait(&mutex_);
  return stopped_ ? "" : known_.birth;
}

void LogBoard::WatchOpened(EtcdWatch* watch, size_t endpoint) {
  MutexLock lock(&mutex_);
  watch_ = watch;
  watch_endpoint_ = endpoint;
  dog_.Opened(clock_->Monotonic());
  if (stopped_ || demand_.has_value()) watch_->Cancel();
}

void LogBoard::WatchHeard() {
  MutexLock lock(&mutex_);
  dog_.Heard(clock_->Monotonic());
}

void LogBoard::WatchWaiting(int64_t revision) {
  MutexLock lock(&mutex_);
  dog_.Waiting(revision, clock_->Monotonic());
}

void LogBoard::WatchClosed() {
  MutexLock lock(&mutex_);
  watch_ = nullptr;
  dog_.Closed();
}

std::optional<size_t> LogBoard::EndOverdueWatch() {
  MutexLock lock(&mutex_);
  if (watch_ == nullptr || !dog_.Overdue(clock_->Monotonic())) return std::nullopt;
  watch_->Cancel();
  dog_.Closed();
  return watch_endpoint_;
}

void LogBoard::EndWatch() {
  MutexLock lock(&mutex_);
  if (watch_ != nullptr) watch_->Cancel();
}

void LogBoard::DemandLoad(LoadCause cause) {
  MutexLock lock(&mutex_);
  demand_ = cause;
  if (watch_ != nullptr) watch_->Cancel();
}

std::optional<LoadCause> LogBoard::TakeDemand() {
  MutexLock lock(&mutex_);
  return std::exchange(demand_, std::nullopt);
}

void LogBoard::CountMade() {
  MutexLock lock(&mutex_);
  ++metrics_.transactions;
}

void LogBoard::CountSentAgain() {
  MutexLock lock(&mutex_);
  ++metrics_.sent_again;
}

void LogBoard::CountCompaction() {
  MutexLock lock(&mutex_);
  ++metrics_.compactions;
}

void LogBoard::CountLoad(LoadCause cause) {
  MutexLock lock(&mutex_);
  ++metrics_.loads[static_cast<size_t>(cause)];
}

void LogBoard::SetStoreBytes(int64_t bytes) {
  MutexLock lock(&mutex_);
  metrics_.store_bytes = bytes;
}

bool LogBoard::Sleep(absl::Duration duration) {
  const absl::Time end = Clock::Real()->Monotonic() + duration;
  MutexLock lock(&mutex_);
  while (!stopped_) {
    const absl::Duration left = end - Clock::Real()->Monotonic();
    if (left <= absl::ZeroDuration()) return true;
    changed_.WaitFor(&mutex_, left);
  }
  return false;
}

bool LogBoard::stopped() const {
  MutexLock lock(&mutex_);
  return stopped_;
}

void LogBoard::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  if (watch_ != nullptr) watch_->Cancel();
  changed_.NotifyAll();
}

KnownLog LogBoard::known() const {
  MutexLock lock(&mutex_);
  return known_;
}

int64_t LogBoard::folded() const {
  MutexLock lock(&mutex_);
  return known_.folded;
}

std::string LogBoard::birth() const {
  MutexLock lock(&mutex_);
  return known_.birth;
}

int64_t LogBoard::founded() const {
  MutexLock lock(&mutex_);
  return founded_;
}

SharedLog::State LogBoard::state() const {
  MutexLock lock(&mutex_);
  return liveness_.state();
}

absl::Duration LogBoard::behind() const {
  MutexLock lock(&mutex_);
  return liveness_.Behind(clock_->Monotonic());
}

LogMetrics LogBoard::metrics() const {
  MutexLock lock(&mutex_);
  LogMetrics metrics = metrics_;
  metrics.state = liveness_.state();
  metrics.behind = liveness_.Behind(clock_->Monotonic());
  return metrics;
}

}  // namespace arkshare
