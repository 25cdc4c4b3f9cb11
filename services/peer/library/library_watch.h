// The library as one watcher sees it: a snapshot, then what changes.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_WATCH_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_WATCH_H_

#include <cstddef>
#include <string>
#include <vector>

#include "lib/core/bell.h"
#include "services/peer/library/library_tables.h"
#include "services/peer/library/path_watch.h"

namespace arkshare {

// Has one reader. Thread-safe: shares the lock of the tables.
class LibraryWatch {
 public:
  // Rings `bell` when there is news. Both must outlive it.
  LibraryWatch(GuardedTables* shared, Bell* bell);
  ~LibraryWatch();
  LibraryWatch(const LibraryWatch&) = delete;
  LibraryWatch& operator=(const LibraryWatch&) = delete;

  struct News {
    std::vector<LibraryItem> items{};  // in order of path; the latest of each
    std::vector<std::string> gone{};   // paths
    // There may be more to read at once: the snapshot has not ended, or `most` were read.
    bool more = false;
  };
  // Returns the next part of the snapshot, and after that what has changed: at most `most` entries.
  News Next(size_t most);

 private:
  GuardedTables* const shared_;
  PathWatch paths_ ABSL_GUARDED_BY(shared_->mutex);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_WATCH_H_
