// The snapshots that watches read while the catalog changes.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_SNAPSHOT_SCANS_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_SNAPSHOT_SCANS_H_

#include <absl/container/btree_map.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "services/index/catalog/events.h"
#include "services/index/catalog/holdings.h"
#include "services/index/catalog/records.h"
#include "services/index/catalog/shelf.h"

namespace arkshare {

// Changes that may happen to shelves which snapshots still have to read. When there are more, these
// snapshots are cut off (WATCH_LAGGED), because the changes are remembered for them.
inline constexpr size_t kMostAddedDuringScans = 200'000;
inline constexpr size_t kMostRemovedDuringScans = 50'000;

// A book that a filter was found to want, as it was found.
struct FoundBook {
  uint32_t peer_id = 0;
  BookListing listing;
};

// A snapshot that is read in slices, in order of peers and listing numbers. One thread at a time
// reads it; see SnapshotScans.
struct SnapshotScan {
  struct Source {
    std::shared_ptr<Shelf> shelf;  // null when the books have been found already
    PeerSummary peer;              // as of the revision
  };

  std::shared_ptr<EventQueue> queue;
  uint64_t revision = 0;
  uint64_t step = 0;  // of SnapshotScans, when it began
  std::vector<Source> sources;
  std::vector<FoundBook> found;  // in order of peers
  bool complete = false;         // everything has been read
  size_t current = 0;            // the source being read
  size_t next_found = 0;
  bool peer_sent = false;
  uint64_t last = 0;  // the last listing visited in the current source
};

// Each scan sees every visible book as of one revision, although it reads the shelves later. A
// shelf that some scan still has to read is pinned (Shelf::pins), and has a ScanLog of what has
// changed since, so a change costs the same for one scan and for a thousand. Pure.
//
// Continue only reads the shelves: several scans may continue at a time. For everything else the
// caller must be the only one.
class SnapshotScans {
 public:
  using ScanPtr = std::shared_ptr<SnapshotScan>;
  using Shelves = absl::btree_map<uint32_t, std::shared_ptr<Shelf>>;

  // Begins a scan of the visible ones of `shelves` at `revision`. It is cut off by way of `queue`.
  ScanPtr Start(std::shared_ptr<EventQueue> queue, uint64_t revision, const Shelves& shelves);
  // Returns the next slice, possibly empty; the last one ends with kSnapshotComplete. Does not
  // filter, because that takes long: the caller does, without a lock.
  static std::vector<EventPtr> Continue(SnapshotScan& scan, const Holdings& holdings);
  // Idempotent.
  void End(SnapshotScan& scan);

  // Makes a scan of books that have been found already, which reads no shelf. Needs no End.
  static ScanPtr StartFound(std::shared_ptr<EventQueue> queue, uint64_t revision,
                            const Shelves& shelves, std::vector<FoundBook> found);

  // To be called for each whole book that was added to a shelf, or removed from one.
  void Added(Shelf& shelf, uint64_t number);
  void Removed(Shelf& shelf, const BookListing& listing);
  // Forgets the changes of a shelf that no scan has to read.
  void DropLog(Shelf& shelf);

 private:
  // Returns null when no scan has to read the shelf.
  ScanLog* LogOf(Shelf& shelf);
  // Forgets all changes, and cuts off the scans that would have needed them.
  void CutOffAll();

  std::vector<SnapshotScan*> scans_;
  uint64_t step_ = 0;  // counts beginnings of scans and changes
  size_t added_count_ = 0;
  size_t removed_count_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_SNAPSHOT_SCANS_H_
