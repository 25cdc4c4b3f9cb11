// The entries of the folder, for its owner.
#ifndef ARKSHARE_SERVICES_PEER_OWNER_LIBRARY_ENTRIES_H_
#define ARKSHARE_SERVICES_PEER_OWNER_LIBRARY_ENTRIES_H_

#include <absl/types/span.h>

#include <vector>

#include "arkshare/v1/peer.pb.h"
#include "services/peer/disk/ledger_listings.h"
#include "services/peer/library/book.h"
#include "services/peer/session/announcer.h"

namespace arkshare {

// Adds to what the library knows what the ledger and the session with the index know. Thread-safe.
class LibraryEntries {
 public:
  // Both must outlive it.
  LibraryEntries(LedgerListings* listings, const Announcer* announcer)
      : listings_(listings), announcer_(announcer) {}

  // Describes each item, in order.
  std::vector<v1::LibraryEntry> Describe(absl::Span<const LibraryItem> items) const;

 private:
  LedgerListings* const listings_;
  const Announcer* const announcer_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_OWNER_LIBRARY_ENTRIES_H_
