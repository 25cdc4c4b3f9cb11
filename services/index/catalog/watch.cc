#include "services/index/catalog/watch.h"

#include <utility>
#include <vector>

namespace arkshare {

Watch::Watch(Catalog* catalog, std::optional<BookQuery> filter, std::function<void()> wake)
    : catalog_(catalog),
      queue_(std::make_shared<EventQueue>(std::move(filter), std::move(wake))),
      scan_(catalog->StartScan(queue_)) {}

Watch::~Watch() {
  Close();
  catalog_->EndScan(*scan_);
}

absl::StatusOr<EventPtr> Watch::Next() {
  while (!snapshot_complete_) {
    if (snapshot_.empty()) {
      // A watcher that is too far behind for the changes need not read the rest of the snapshot.
      if (absl::Status status = queue_->status(); !status.ok()) return status;
      const std::vector<EventPtr> more = catalog_->ContinueScan(*scan_);
      snapshot_.assign(more.begin(), more.end());
      continue;
    }
    EventPtr event = std::move(snapshot_.front());
    snapshot_.pop_front();
    snapshot_complete_ = event->kind == CatalogEvent::Kind::kSnapshotComplete;
    return event;
  }
  return queue_->Pop();
}

void Watch::Close() { queue_->Close(); }

}  // namespace arkshare
