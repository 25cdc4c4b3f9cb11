// A watch of the catalog: everything as of one revision, a mark, then every change after it.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_WATCH_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_WATCH_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/index/catalog/catalog.h"
#include "services/index/catalog/events.h"

namespace arkshare {

// A snapshot that is read in slices, in order of listing numbers, while the catalog changes. What
// is added before the scan comes by is left out, what is removed is kept. Only Catalog touches it,
// under its lock.
struct SnapshotScan {
  struct Source {
    Catalog::ShelfPtr shelf;
    PeerSummary peer;  // as of the revision
    NumberSet added;
    std::vector<EventPtr> removed;
  };

  // Holds no shelf any more.
  void End();

  std::shared_ptr<EventQueue> queue;
  bool ended = false;
  uint64_t revision = 0;
  std::vector<Source> sources;
  absl::flat_hash_map<const Shelf*, size_t> place_of;  // in sources
  size_t removed_count = 0;
  size_t current = 0;  // the source being read
  bool peer_sent = false;
  uint64_t last = 0;  // the last listing visited in the current source
};

// Next() is for one thread at a time.
class Watch {
 public:
  // `wake` is called, from any thread, when Next() has something again after it gave null.
  Watch(Catalog* catalog, std::optional<BookQuery> filter, std::function<void()> wake);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // The next event; null when there is none now. WATCH_LAGGED.
  absl::StatusOr<EventPtr> Next();
  // WATCH_LAGGED once Next would say so, whatever it has to say before.
  absl::Status status() const { return queue_->status(); }
  // `wake` is not called any more; waits for a call that runs now.
  void Close();

 private:
  Catalog* const catalog_;
  const std::shared_ptr<EventQueue> queue_;
  const std::shared_ptr<SnapshotScan> scan_;
  std::deque<EventPtr> snapshot_;
  bool snapshot_complete_ = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_WATCH_H_
