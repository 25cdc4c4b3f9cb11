// The steps of a transfer after its bytes are here, each for many transfers at once.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_SETTLER_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_SETTLER_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "lib/core/clock.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/session/index_client.h"
#include "services/peer/transfer/dropper.h"
#include "services/peer/transfer/partial_offers.h"
#include "services/peer/transfer/placer.h"
#include "services/peer/transfer/source_calls.h"
#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfer_board.h"
#include "services/peer/transfer/transfer_queues.h"
#include "services/peer/transfer/transfer_store.h"

namespace arkshare {

// Blocks for the disk, the source and the index. Thread-safe; a transfer is in one call at a time.
class Settler {
 public:
  struct Parts {  // all must outlive it
    SourceCalls* calls;
    TransferStore* store;
    TransferBoard* board;
    PartialOffers* offers;
    Dropper* dropper;
    Placer* placer;
    IndexClient* index;
    HashCache* cache;
    const Clock* clock;
  };

  explicit Settler(Parts parts) : parts_(parts) {}

  // Takes one step for transfers that wait in its lane. `hand_on` is called before the step ends
  // when what is left of it delays no transfer.
  Outcome Settle(TransferQueues::Step step, const Batch& transfers, HandOn hand_on);

 private:
  // Received -> PREPARED. Hands on.
  void Prepare(const Batch& transfers, HandOn hand_on);
  // Brings books beside their places; returns those that go on.
  Batch BringNear(const Batch& transfers);
  // PREPARED -> a ticket, a copy, or dropped because another peer has the book.
  Outcome Release(const Batch& transfers);
  bool TakeKeep(Transfer& transfer);
  void TakeAnswer(const TransferPtr& transfer, absl::StatusOr<MoveTicket> ticket, Outcome& outcome);
  // PREPARED -> OWNED -> in its place in the folder.
  Outcome Own(const Batch& transfers);
  Batch RecordOwned(const Batch& transfers, Batch& later);
  Batch Admit(const Batch& transfers, Batch& later);
  // Shows why a book waits, and tries again later.
  void Wait(const TransferPtr& transfer, absl::string_view why, Batch& later);
  void WaitForRoom(const TransferPtr& transfer, Batch& later);
  // OWNED -> DONE.
  Outcome Report(const Batch& transfers);
  absl::Status UpdateOwner(const Batch& transfers);
  absl::Status Confirm(const Batch& transfers);

  const Parts parts_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_SETTLER_H_
