#include "services/peer/fetch/fetcher.h"

#include "lib/core/errors.h"
#include "lib/core/merkle.h"
#include "lib/rpc/convert.h"
#include "services/peer/fetch/book_fetch.h"

namespace arkshare {

QueuePlace QueuePlaceOf(const v1::DownloadResponse::Queued& queued) {
  QueuePlace place{.position = static_cast<int>(queued.position())};
  if (!queued.has_estimated_wait()) return place;
  absl::StatusOr<absl::Duration> wait =
      DurationFromProto(queued.estimated_wait(), "estimated_wait");
  if (wait.ok()) place.estimated_wait = *wait;
  return place;
}

absl::StatusOr<std::vector<Sha256Digest>> Fetcher::Fetch(const Job& job) {
  if (job.content.size == 0) {
    if (Sha256({}) == job.content.root) return std::vector<Sha256Digest>();
    return MakeError(Reason::kContentMismatch, "the root is not that of an empty book");
  }
  BookFetch fetch(parts_, job);
  {
    MutexLock lock(&mutex_);
    running_.insert(&fetch);
    if (stopped_) fetch.Stop();
  }
  absl::StatusOr<std::vector<Sha256Digest>> pieces = fetch.Run();
  MutexLock lock(&mutex_);
  running_.erase(&fetch);
  return pieces;
}

void Fetcher::End(const TransferId& id) {
  MutexLock lock(&mutex_);
  for (BookFetch* fetch : running_) {
    if (fetch->id() == id) fetch->Stop();
  }
}

void Fetcher::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  for (BookFetch* fetch : running_) fetch->Stop();
}

}  // namespace arkshare
