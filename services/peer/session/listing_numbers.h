// Notices that the ledger is older than what an index knows of this peer.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_LISTING_NUMBERS_H_
#define ARKSHARE_SERVICES_PEER_SESSION_LISTING_NUMBERS_H_

#include <cstdint>
#include <set>
#include <string>

#include "services/peer/disk/ledger_listings.h"
#include "services/peer/library/library.h"

namespace arkshare {

// A folder that was restored from a backup has an older ledger, which draws numbers a second time.
// The index would not show such listings, because a number that is gone never comes back. So the
// listings get new numbers, larger than every one that the index knows. Not thread-safe.
class ListingNumbers {
 public:
  // Both must outlive it.
  ListingNumbers(Library* library, LedgerListings* listings)
      : library_(library), listings_(listings) {}

  // Takes the largest number that the index at this address knows of this peer's key, as it answers
  // a registration. Call before the listings are stated to it.
  void Check(const std::string& index_address, uint64_t largest_known);

 private:
  Library* const library_;
  LedgerListings* const listings_;
  // Indexes that this process has told of numbers which it drew itself.
  std::set<std::string> told_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_LISTING_NUMBERS_H_
