// The part of Ledger that only the owner's calls read: wishes, the history, times.
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "services/peer/disk/ledger.h"

namespace arkshare {

absl::StatusOr<std::vector<absl::Time>> Ledger::ListedTimes(absl::Span<const uint64_t> numbers) {
  MutexLock lock(&mutex_);
  return listings_.Times(numbers);
}

absl::StatusOr<std::vector<HistoryRecord>> Ledger::History(const std::optional<HistoryPlace>& after,
                                                           size_t limit) {
  MutexLock lock(&mutex_);
  return history_.Read(after, limit);
}

absl::StatusOr<std::vector<WishRecord>> Ledger::Wishes() {
  MutexLock lock(&mutex_);
  return wishes_.All();
}

absl::StatusOr<uint64_t> Ledger::RecordWish(const WishRecord& wish) {
  MutexLock lock(&mutex_);
  uint64_t id = 0;
  absl::Status status = Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    absl::StatusOr<uint64_t> put = wishes_.Put(wish);
    if (put.ok()) id = *put;
    return put.status();
  });
  if (!status.ok()) return status;
  return id;
}

absl::Status Ledger::RemoveWish(uint64_t wish) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return wishes_.Remove(wish); });
}

absl::Status Ledger::RecordFinds(uint64_t wish, absl::Span<const WishFind> finds) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return wishes_.AddFinds(wish, finds); });
}

absl::Status Ledger::RecordFetched(uint64_t wish, const ContentId& content) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return wishes_.SetFetched(wish, content); });
}

}  // namespace arkshare
