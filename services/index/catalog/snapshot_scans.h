// The snapshots that watches read while the catalog changes.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_SNAPSHOT_SCANS_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_SNAPSHOT_SCANS_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "services/index/catalog/events.h"
#include "services/index/catalog/holdings.h"
#include "services/index/catalog/records.h"
#include "services/index/catalog/shelf.h"
#include "services/index/store/number_set.h"

namespace arkshare {

// A snapshot that is read in slices, in order of peers and listing numbers. Only SnapshotScans
// touches it.
struct SnapshotScan {
  struct Source {
    std::shared_ptr<Shelf> shelf;
    PeerSummary peer;               // as of the revision
    NumberSet added;                // since the revision: not part of the snapshot
    std::vector<EventPtr> removed;  // since the revision: part of the snapshot
  };

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

// Each scan sees every visible book as of one revision, although it reads the shelves later: a book
// that is added before the scan reads it is left out, one that is removed is kept for it. A shelf
// that a scan still has to read is pinned (Shelf::pins). Pure. Not thread-safe.
class SnapshotScans {
 public:
  using ScanPtr = std::shared_ptr<SnapshotScan>;

  // Begins a scan of the visible ones of `shelves` at `revision`. It reads the books that `queue`
  // wants, and ends early when `queue` is cut off.
  ScanPtr Start(std::shared_ptr<EventQueue> queue, uint64_t revision,
                const absl::btree_map<uint32_t, std::shared_ptr<Shelf>>& shelves);
  // Returns the next slice, possibly empty; the last one ends with kSnapshotComplete.
  std::vector<EventPtr> Continue(SnapshotScan& scan, const Holdings& holdings);
  // Idempotent.
  void End(SnapshotScan& scan);

  // To be called for each whole book that was added to a shelf, or removed from one.
  void Added(const Shelf& shelf, uint64_t number);
  void Removed(const Shelf& shelf, const BookListing& listing);

 private:
  void EndLagged();

  std::vector<SnapshotScan*> scans_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_SNAPSHOT_SCANS_H_
