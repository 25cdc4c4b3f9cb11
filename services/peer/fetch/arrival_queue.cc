#include "services/peer/fetch/arrival_queue.h"

#include <utility>

namespace arkshare {
namespace {

constexpr size_t kMaxSpareBuffers = 8;
constexpr absl::Duration kMaxWait = absl::Seconds(1);

}  // namespace

bool ArrivalQueue::IsFull() const {
  return waiting_bytes_ >= (open_ ? max_bytes_ : 1) || waiting_ >= kMaxArrivals;
}

void ArrivalQueue::GiveBack(size_t bytes) {
  waiting_bytes_ -= bytes;
  --waiting_;
  room_.NotifyAll();
}

bool ArrivalQueue::Reserve(PiecePlan::HolderId holder, size_t bytes,
                           absl::FunctionRef<void()> on_wait) {
  MutexLock lock(&mutex_);
  while (IsFull() && !closed_ && !dropped_.contains(holder)) {
    on_wait();
    room_.WaitFor(&mutex_, kMaxWait);
  }
  if (closed_ || dropped_.contains(holder)) return false;
  waiting_bytes_ += bytes;
  ++waiting_;
  return true;
}

void ArrivalQueue::Release(size_t bytes) {
  MutexLock lock(&mutex_);
  GiveBack(bytes);
}

void ArrivalQueue::Push(Arrival arrival) {
  MutexLock lock(&mutex_);
  arrivals_.push_back(std::move(arrival));
  arrived_.NotifyAll();
}

std::string ArrivalQueue::SpareBuffer() {
  MutexLock lock(&mutex_);
  if (spare_.empty()) return {};
  std::string buffer = std::move(spare_.back());
  spare_.pop_back();
  return buffer;
}

bool ArrivalQueue::AwaitOpen() {
  MutexLock lock(&mutex_);
  while (!open_ && !closed_) arrived_.Wait(&mutex_);
  return !closed_;
}

std::optional<Arrival> ArrivalQueue::Pop() {
  MutexLock lock(&mutex_);
  while ((arrivals_.empty() || !open_) && !closed_) arrived_.Wait(&mutex_);
  if (closed_) return std::nullopt;
  Arrival arrival = std::move(arrivals_.front());
  arrivals_.pop_front();
  return arrival;
}

void ArrivalQueue::Done(Arrival arrival) {
  MutexLock lock(&mutex_);
  GiveBack(arrival.data.size());
  if (!arrival.data.empty() && spare_.size() < kMaxSpareBuffers) {
    spare_.push_back(std::move(arrival.data));
  }
}

void ArrivalQueue::Open() {
  MutexLock lock(&mutex_);
  open_ = true;
  arrived_.NotifyAll();
  room_.NotifyAll();
}

void ArrivalQueue::DropHolder(PiecePlan::HolderId holder) {
  MutexLock lock(&mutex_);
  dropped_.insert(holder);
  room_.NotifyAll();
}

void ArrivalQueue::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
  arrived_.NotifyAll();
  room_.NotifyAll();
}

size_t ArrivalQueue::waiting_bytes() const {
  MutexLock lock(&mutex_);
  return waiting_bytes_;
}

}  // namespace arkshare
