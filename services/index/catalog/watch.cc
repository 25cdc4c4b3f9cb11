#include "services/index/catalog/watch.h"

#include <utility>
#include <vector>

namespace arkshare {

Watch::Watch(Catalog* catalog, std::optional<BookQuery> filter, std::function<void()> wake,
             WatchParts parts, std::optional<uint64_t> from)
    : catalog_(catalog),
      queue_(std::make_shared<EventQueue>(std::move(filter), std::move(wake), parts)) {
  if (from.has_value()) {
    if (const auto missed = catalog_->Resume(queue_, *from)) {
      auto resumed = std::make_shared<CatalogEvent>();
      resumed->kind = CatalogEvent::Kind::kResumed;
      resumed->revision = *from;
      first_.push_back(std::move(resumed));
      for (const EventPtr& event : *missed) {
        if (queue_->Wants(*event)) first_.push_back(event);
      }
      return;
    }
  }
  scan_ = catalog_->StartScan(queue_);
}

Watch::~Watch() {
  Close();
  if (scan_ != nullptr) catalog_->EndScan(*scan_);
  if (scan_ == nullptr) catalog_->EndResumed(*queue_);
}

absl::StatusOr<EventPtr> Watch::Next() {
  if (first_.empty()) {
    if (!more()) return queue_->Pop();
    // A watcher that is too far behind for the changes need not read the rest of the snapshot.
    if (absl::Status status = queue_->status(); !status.ok()) return status;
    ++slices_;
    const std::vector<EventPtr> slice = catalog_->ContinueScan(*scan_);
    first_.assign(slice.begin(), slice.end());
    if (first_.empty()) return nullptr;
  }
  EventPtr event = std::move(first_.front());
  first_.pop_front();
  if (event->kind == CatalogEvent::Kind::kSnapshotComplete) snapshot_complete_ = true;
  return event;
}

void Watch::Close() { queue_->Close(); }

}  // namespace arkshare
