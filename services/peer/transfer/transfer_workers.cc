#include "services/peer/transfer/transfer_workers.h"

#include <optional>
#include <utility>

namespace arkshare {
namespace {

// A small book costs round trips, not bytes: 32 of 64 KiB fill 100 Mbit/s at 40 ms.
constexpr size_t kFetchThreads = 32;
// Eight may call other programs at a time; two are left for this peer's own disk, one a step.
constexpr size_t kSettleThreads = 8 + 2;

}  // namespace

TransferWorkers::TransferWorkers(const Clock* clock, FetchStep fetch, SettleStep settle)
    : clock_(clock), fetch_(std::move(fetch)), settle_(std::move(settle)) {}

void TransferWorkers::Start() {
  for (size_t i = 0; i < kFetchThreads; ++i) threads_.emplace_back([this] { FetchLoop(); });
  for (size_t i = 0; i < kSettleThreads; ++i) threads_.emplace_back([this] { SettleLoop(); });
}

void TransferWorkers::RequestStop() {
  MutexLock lock(&mutex_);
  stopping_ = true;
  fetch_ready_.NotifyAll();
  settle_ready_.NotifyAll();
}

void TransferWorkers::AwaitStop() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void TransferWorkers::Enter(const Batch& transfers) {
  MutexLock lock(&mutex_);
  const absl::Time now = clock_->Monotonic();
  for (const TransferPtr& transfer : transfers) queues_.Enter(transfer, now);
  WakeThreads();
}

void TransferWorkers::Resume(const TransferPtr& transfer) {
  MutexLock lock(&mutex_);
  queues_.Resume(transfer, clock_->Monotonic());
  WakeThreads();
}

bool TransferWorkers::Withdraw(const TransferPtr& transfer) {
  MutexLock lock(&mutex_);
  return queues_.Withdraw(transfer);
}

void TransferWorkers::Hurry(const TransferPtr& transfer) {
  MutexLock lock(&mutex_);
  queues_.Hurry(transfer, clock_->Monotonic());
  WakeThreads();
}

void TransferWorkers::EndDelays() {
  MutexLock lock(&mutex_);
  queues_.EndDelays(clock_->Monotonic());
  WakeThreads();
}

void TransferWorkers::WakeThreads() {
  const TransferQueues::Wake wake = queues_.TakeWake();
  if (wake.fetchers >= kFetchThreads) {
    fetch_ready_.NotifyAll();
  } else {
    for (size_t i = 0; i < wake.fetchers; ++i) fetch_ready_.NotifyOne();
  }
  if (wake.settler) settle_ready_.NotifyOne();
}

bool TransferWorkers::HandOnOne(const TransferPtr& transfer) {
  MutexLock lock(&mutex_);
  queues_.BookReceived(transfer, clock_->Monotonic());
  WakeThreads();
  while (!stopping_ && queues_.full()) fetch_ready_.Wait(&mutex_);
  return !stopping_;
}

void TransferWorkers::FetchLoop() {
  while (true) {
    std::optional<FetchTask> task;
    {
      MutexLock lock(&mutex_);
      while (!stopping_ && !(task = queues_.TakeToFetch())) fetch_ready_.Wait(&mutex_);
      if (stopping_) return;
    }
    const Outcome outcome =
        fetch_(*task, [this](const TransferPtr& transfer) { return HandOnOne(transfer); });
    MutexLock lock(&mutex_);
    queues_.FetchDone(*task, outcome, clock_->Monotonic());
    WakeThreads();
  }
}

void TransferWorkers::SettleLoop() {
  while (true) {
    std::optional<TransferQueues::Round> round;
    {
      MutexLock lock(&mutex_);
      while (!stopping_) {
        const absl::Time now = clock_->Monotonic();
        round = queues_.TakeToSettle(now);
        WakeThreads();
        if (round) break;
        if (const std::optional<absl::Time> next = queues_.NextTime()) {
          settle_ready_.WaitFor(&mutex_, *next - now);
        } else {
          settle_ready_.Wait(&mutex_);
        }
      }
      if (stopping_) return;
    }
    const Outcome outcome = settle_(round->lane.step, round->items,
                                    [this](const Batch& transfers) { Enter(transfers); });
    MutexLock lock(&mutex_);
    queues_.SettleDone(*round, outcome, clock_->Monotonic());
    WakeThreads();
  }
}

}  // namespace arkshare
