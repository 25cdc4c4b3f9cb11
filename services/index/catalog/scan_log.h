// The changes of a shelf that snapshots still have to read.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_SCAN_LOG_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_SCAN_LOG_H_

#include <absl/container/btree_map.h>

#include <cstddef>
#include <cstdint>

#include "lib/rpc/convert.h"

namespace arkshare {

// Whole books that came and went while snapshots were open, with the step of each change. One log
// serves all snapshots: each leaves out what came after it began, and keeps what went after it
// began. Guarded by Tables::mutex.
struct ScanLog {
  struct Removed {
    uint64_t added_at = 0;  // 0: before the log began
    uint64_t removed_at = 0;
    BookListing listing;
  };
  absl::btree_map<uint64_t, uint64_t> added;  // by listing number
  absl::btree_map<uint64_t, Removed> removed;

  // Returns whether a snapshot that began at `step` has the book, which is on the shelf now.
  bool IsPart(uint64_t number, uint64_t step) const {
    const auto place = added.find(number);
    return place == added.end() || place->second <= step;
  }
  // Returns the same for a book that has gone.
  static bool WasPart(const Removed& book, uint64_t step) {
    return book.added_at <= step && book.removed_at > step;
  }
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_SCAN_LOG_H_
