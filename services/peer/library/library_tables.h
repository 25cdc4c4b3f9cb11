// The four tables of the library, and what follows in one of them from a change of another.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_TABLES_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/book_listing.h"
#include "lib/core/mutex.h"
#include "services/peer/library/book.h"
#include "services/peer/library/change_feed.h"
#include "services/peer/library/listing_table.h"
#include "services/peer/library/path_claims.h"
#include "services/peer/library/path_watch.h"
#include "services/peer/library/unlisted_files.h"

namespace arkshare {

// Pure: no lock, no clock, no I/O. Library guards it.
struct LibraryTables {
  LibraryTables() = default;
  LibraryTables(const LibraryTables&) = delete;
  LibraryTables& operator=(const LibraryTables&) = delete;

  // The tables after it tell it of their entries that appear, change or go. A change of a field of
  // a Book that people see is told by the class that makes it.
  PathWatches watches;
  ListingTable listings{&watches};
  UnlistedFiles unlisted{&watches};
  PathClaims claims;
  ChangeFeed feed;

  // Lists a book, and announces it unless it is unsettled.
  void List(Book book);
  // Ends a listing, and announces that it is gone.
  void End(uint64_t number);

  // Returns at most `limit` items in order of path, after `after` ("" for the first).
  std::vector<LibraryItem> Items(const std::string& after, size_t limit) const;
  // Returns the keys of the same items.
  std::vector<LibraryKey> Keys(const std::string& after, size_t limit) const;
  // Returns the item at a path; nullopt when there is none.
  std::optional<LibraryItem> ItemAt(const std::string& path) const;
  // Returns the paths of all files beneath a folder, shared or not; "" for all.
  std::vector<std::string> PathsBeneath(const std::string& folder) const;
  // Calls `listed` or `other` for each of at most `limit` items in order of path, after `after`.
  template <typename Listed, typename Other>
  void Walk(const std::string& after, size_t limit, Listed listed, Other other) const;
  // Returns everything that is announced, books that are being received too.
  std::vector<BookListing> Announced() const;
};

// The tables with their lock, for the classes that share them.
struct GuardedTables {
  mutable Mutex mutex;
  CondVar unclaimed;     // a path has been unclaimed
  CondVar feed_changed;  // there is something for the reader of the feed, or its wait got shorter
  LibraryTables tables ABSL_GUARDED_BY(mutex);
};

// Removes the listings that the ledger has too many of, and returns their numbers: of two listings
// of one path, which a crash may leave, the earlier one, and those beyond `most`, the earliest
// first.
std::vector<uint64_t> TakeSurplus(std::vector<ListingRecord>& listings, uint64_t most);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_TABLES_H_
