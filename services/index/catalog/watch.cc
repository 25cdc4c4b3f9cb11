#include "services/index/catalog/watch.h"

#include <utility>
#include <vector>

namespace arkshare {

Watch::Watch(Catalog* catalog, std::optional<BookQuery> filter, std::function<void()> wake,
             WatchParts parts)
    : catalog_(catalog),
      queue_(std::make_shared<EventQueue>(std::move(filter), std::move(wake), parts)),
      scan_(catalog->StartScan(queue_)) {}

Watch::~Watch() {
  Close();
  catalog_->EndScan(*scan_);
}

absl::StatusOr<EventPtr> Watch::Next() {
  if (snapshot_complete_) return queue_->Pop();
  if (snapshot_.empty()) {
    // A watcher that is too far behind for the changes need not read the rest of the snapshot.
    if (absl::Status status = queue_->status(); !status.ok()) return status;
    ++slices_;
    const std::vector<EventPtr> slice = catalog_->ContinueScan(*scan_);
    snapshot_.assign(slice.begin(), slice.end());
    if (snapshot_.empty()) return nullptr;
  }
  EventPtr event = std::move(snapshot_.front());
  snapshot_.pop_front();
  snapshot_complete_ = event->kind == CatalogEvent::Kind::kSnapshotComplete;
  return event;
}

void Watch::Close() { queue_->Close(); }

}  // namespace arkshare
