#include "services/index/etcd/pending_writes.h"

#include <utility>

#include "lib/core/errors.h"

namespace arkshare {

absl::Status StoreUnreachable() {
  return MakeError(Reason::kStoreUnreachable,
                   "this index is cut off from its etcd; try again, or use another index", {},
                   absl::Seconds(1));
}

void PendingWrites::Add(SharedLog::Write write, SharedLog::Done done) {
  absl::Status refused;
  {
    MutexLock lock(&mutex_);
    if (open_) {
      const uint64_t id = ++last_id_;
      dones_.emplace(id, std::move(done));
      batcher_.Add(id, std::move(write));
      changed_.NotifyOne();
      return;
    }
    refused = closed_.ok() ? StoreUnreachable() : closed_;
  }
  done(refused);
}

void PendingWrites::Open(uint64_t epoch) {
  MutexLock lock(&mutex_);
  open_ = !stopped_ && epoch == epoch_;
}

uint64_t PendingWrites::epoch() const {
  MutexLock lock(&mutex_);
  return epoch_;
}

void PendingWrites::Close(const absl::Status& status) {
  std::vector<SharedLog::Done> left;
  {
    MutexLock lock(&mutex_);
    left = CloseLocked(status);
  }
  for (const SharedLog::Done& done : left) done(status);
  waiters_->FailWrites(status);
}

void PendingWrites::Abandon(const absl::Status& status) {
  std::vector<SharedLog::Done> left;
  {
    MutexLock lock(&mutex_);
    left = CloseLocked(status);
    first_wanted_ = last_number_ + 1;
    ++epoch_;
  }
  for (const SharedLog::Done& done : left) done(status);
  waiters_->FailWrites(status);
}

void PendingWrites::Stop(const absl::Status& status) {
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.NotifyAll();
  }
  Abandon(status);
}

std::optional<PendingWrites::Batch> PendingWrites::AwaitBatch() {
  MutexLock lock(&mutex_);
  while (!stopped_) {
    if (std::optional<Batch> batch = batcher_.Next()) {
      last_number_ = batch->number;
      return batch;
    }
    changed_.Wait(&mutex_);
  }
  return std::nullopt;
}

void PendingWrites::Made(const Batch& batch, int64_t revision) {
  std::vector<SharedLog::Done> made;
  uint64_t epoch = 0;
  {
    MutexLock lock(&mutex_);
    epoch = waiters_->epoch();
    for (const TransactionBatcher::Item& item : batch.items) {
      if (SharedLog::Done done = TakeLocked(item.id)) made.push_back(std::move(done));
    }
    batcher_.End(batch, {});
    changed_.NotifyAll();
  }
  for (SharedLog::Done& done : made) {
    waiters_->AwaitWrite(revision, epoch,
                         [revision, done = std::move(done)](const absl::StatusOr<int64_t>& folded) {
                           if (!folded.ok()) return done(folded.status());
                           done(SharedLog::Outcome{revision, true, {}});
                         });
  }
}

void PendingWrites::NotMade(const Batch& batch,
                            const std::vector<std::optional<SharedLog::Outcome>>& outcomes) {
  std::vector<std::pair<SharedLog::Done, SharedLog::Outcome>> answered;
  uint64_t epoch = 0;
  {
    MutexLock lock(&mutex_);
    epoch = waiters_->epoch();
    std::vector<TransactionBatcher::Item> again;
    for (size_t i = 0; i < batch.items.size(); ++i) {
      if (!outcomes[i].has_value()) {
        // A write that was answered meanwhile is known not to be made, and is dropped.
        if (dones_.contains(batch.items[i].id)) again.push_back(batch.items[i]);
      } else if (SharedLog::Done done = TakeLocked(batch.items[i].id)) {
        answered.emplace_back(std::move(done), *outcomes[i]);
      }
    }
    batcher_.End(batch, std::move(again));
    changed_.NotifyAll();
  }
  for (auto& [done, outcome] : answered) {
    waiters_->AwaitWrite(
        outcome.revision, epoch,
        [outcome = outcome, done = std::move(done)](const absl::StatusOr<int64_t>& folded) {
          if (!folded.ok()) return done(folded.status());
          done(outcome);
        });
  }
}

void PendingWrites::Failed(const Batch& batch, const absl::Status& status) {
  std::vector<SharedLog::Done> failed;
  {
    MutexLock lock(&mutex_);
    for (const TransactionBatcher::Item& item : batch.items) {
      if (SharedLog::Done done = TakeLocked(item.id)) failed.push_back(std::move(done));
    }
    batcher_.End(batch, {});
    changed_.NotifyAll();
  }
  for (const SharedLog::Done& done : failed) done(status);
}

bool PendingWrites::IsWanted(const Batch& batch) const {
  MutexLock lock(&mutex_);
  return batch.number >= first_wanted_;
}

size_t PendingWrites::queued_bytes() const {
  MutexLock lock(&mutex_);
  return batcher_.queued_bytes();
}

SharedLog::Done PendingWrites::TakeLocked(uint64_t id) {
  const auto found = dones_.find(id);
  if (found == dones_.end()) return nullptr;
  SharedLog::Done done = std::move(found->second);
  dones_.erase(found);
  return done;
}

std::vector<SharedLog::Done> PendingWrites::CloseLocked(const absl::Status& status) {
  open_ = false;
  closed_ = status;
  batcher_.DropQueued();
  std::vector<SharedLog::Done> left;
  for (auto& [id, done] : dones_) left.push_back(std::move(done));
  dones_.clear();
  return left;
}

}  // namespace arkshare
