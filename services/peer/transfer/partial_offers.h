// Copies that other peers may read while this peer still receives them.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_PARTIAL_OFFERS_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_PARTIAL_OFFERS_H_

#include "services/peer/disk/ledger_listings.h"
#include "services/peer/disk/partial_books.h"
#include "services/peer/library/library.h"
#include "services/peer/transfer/transfer.h"

namespace arkshare {

// Thread-safe; one call for a transfer at a time.
class PartialOffers {
 public:
  // All must outlive it.
  PartialOffers(PartialBooks* partials, LedgerListings* listings, Library* library)
      : partials_(partials), listings_(listings), library_(library) {}

  // Offers the staged file `fd` of a copy of at least 8 pieces. A move is not offered: the book
  // stays with its source until the source releases it. Without a descriptor or a listing number
  // the transfer goes on without an offer.
  void Begin(Transfer& transfer, int fd);
  // Does nothing when there is no offer.
  void End(Transfer& transfer);

 private:
  PartialBooks* const partials_;
  LedgerListings* const listings_;
  Library* const library_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_PARTIAL_OFFERS_H_
