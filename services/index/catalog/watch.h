// A watch of the catalog: everything as of one revision, a mark, then every change after it.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_WATCH_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_WATCH_H_

#include <absl/status/statusor.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "services/index/catalog/catalog.h"
#include "services/index/catalog/events.h"

namespace arkshare {

// Only one thread at a time may call Next().
class Watch {
 public:
  // `wake` is called, from any thread, when Next() has an event again after it returned null.
  Watch(Catalog* catalog, std::optional<BookQuery> filter, std::function<void()> wake,
        WatchParts parts = {});
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Returns the next event, or null when there is none now. Reads at most one slice of the
  // snapshot, so it may return null before it has found the next event: then more() returns true,
  // and `wake` is not called. WATCH_LAGGED.
  absl::StatusOr<EventPtr> Next();
  // Returns whether there may be more to read at once, after Next() has returned null.
  bool more() const { return !snapshot_complete_; }
  // Returns how many slices of the snapshot have been read.
  size_t slices() const { return slices_; }
  // WATCH_LAGGED as soon as Next will return it, whatever events it returns before. Thread-safe.
  absl::Status status() const { return queue_->status(); }
  // `wake` is not called any more. Waits for a call that runs now.
  void Close();

 private:
  Catalog* const catalog_;
  const std::shared_ptr<EventQueue> queue_;
  const std::shared_ptr<SnapshotScan> scan_;
  std::deque<EventPtr> snapshot_;
  bool snapshot_complete_ = false;
  size_t slices_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_WATCH_H_
