#include "services/index/etcd/pending_writes.h"

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

// A caller that was held back brings about this much.
constexpr size_t kBytesOfOne = 64 * 1024;

}  // namespace

absl::Status StoreUnreachable() {
  return MakeError(Reason::kStoreUnreachable,
                   "this index is cut off from its etcd; try again, or use another index", {},
                   absl::Seconds(1));
}

void PendingWrites::Add(SharedLog::Write write, SharedLog::Done done) {
  absl::Status refused;
  {
    MutexLock lock(&mutex_);
    const bool full = batcher_.queued_bytes() > 16 * kLogQueueBytes;
    if (open_ && !full) {
      const uint64_t id = ++last_id_;
      dones_.emplace(id, std::move(done));
      batcher_.Add(id, std::move(write));
      changed_.NotifyOne();
      return;
    }
    refused = open_ || closed_.ok() ? StoreUnreachable() : closed_;
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
  Waiting waiting;
  {
    MutexLock lock(&mutex_);
    left = CloseLocked(status);
    waiting = TakeRoomLocked();
  }
  for (const SharedLog::Done& done : left) done(status);
  for (const std::function<void()>& go : waiting) go();
  waiters_->FailWrites(status);
}

void PendingWrites::Abandon(const absl::Status& status) {
  std::vector<SharedLog::Done> left;
  Waiting waiting;
  {
    MutexLock lock(&mutex_);
    left = CloseLocked(status);
    waiting = TakeRoomLocked();
    first_wanted_ = last_number_ + 1;
    ++epoch_;
  }
  for (const SharedLog::Done& done : left) done(status);
  for (const std::function<void()>& go : waiting) go();
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
  while (true) {
    std::optional<Batch> batch;
    Waiting waiting;
    {
      MutexLock lock(&mutex_);
      if (stopped_) return std::nullopt;
      batch = batcher_.Next();
      if (batch.has_value()) last_number_ = batch->number;
      if (batch.has_value() || batcher_.idle()) waiting = TakeRoomLocked();
      if (!batch.has_value() && waiting.empty()) changed_.Wait(&mutex_);
    }
    for (const std::function<void()>& go : waiting) go();
    if (batch.has_value()) return batch;
  }
}

void PendingWrites::AwaitRoom(std::function<void()> go) {
  {
    MutexLock lock(&mutex_);
    if (open_ && (batcher_.queued_bytes() > kLogQueueBytes || !room_waiters_.empty())) {
      room_waiters_.push_back(std::move(go));
      changed_.NotifyOne();
      return;
    }
  }
  go();
}

PendingWrites::Waiting PendingWrites::TakeRoomLocked() {
  const size_t room = kLogQueueBytes - std::min(kLogQueueBytes, batcher_.queued_bytes());
  const size_t count = open_ ? room / kBytesOfOne : room_waiters_.size();
  Waiting taken;
  while (taken.size() < count && !room_waiters_.empty()) {
    taken.push_back(std::move(room_waiters_.front()));
    room_waiters_.pop_front();
  }
  return taken;
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
