// How a transfer is given up for good.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_DROPPER_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_DROPPER_H_

#include <absl/status/status.h>

#include "services/peer/transfer/partial_offers.h"
#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfer_board.h"
#include "services/peer/transfer/transfer_store.h"

namespace arkshare {

// Thread-safe; one call for a transfer.
class Dropper {
 public:
  // All must outlive it.
  Dropper(PartialOffers* offers, TransferStore* store, TransferBoard* board)
      : offers_(offers), store_(store), board_(board) {}

  // Ends its offer, closes and removes its file, records that, and shows the owner why. When it
  // returns, the room on the disk is free.
  void Drop(Transfer& transfer, const absl::Status& why);

 private:
  PartialOffers* const offers_;
  TransferStore* const store_;
  TransferBoard* const board_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_DROPPER_H_
