// The receiver's half: gets books, takes them over, and ends what was begun, also after a restart.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFERS_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFERS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstdint>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/partial_books.h"
#include "services/peer/fetch/fetcher.h"
#include "services/peer/fetch/holders.h"
#include "services/peer/fetch/small_fetcher.h"
#include "services/peer/session/index_client.h"
#include "services/peer/transfer/dropper.h"
#include "services/peer/transfer/fetch_wish.h"
#include "services/peer/transfer/partial_offers.h"
#include "services/peer/transfer/placer.h"
#include "services/peer/transfer/receiver.h"
#include "services/peer/transfer/settler.h"
#include "services/peer/transfer/source_calls.h"
#include "services/peer/transfer/source_chooser.h"
#include "services/peer/transfer/transfer_board.h"
#include "services/peer/transfer/transfer_store.h"
#include "services/peer/transfer/transfer_workers.h"

namespace arkshare {

// Joins the classes of this folder:
//
//   SourceChooser    finds the content that a wish means, and the listing to take
//   TransferBoard    keeps the owner's view of transfers (lock B)
//   TransferWorkers  has the threads (lock W), which run what TransferQueues decides:
//     Receiver         INTENT -> all bytes are here, verified
//     Settler          the steps after that, each for many transfers at once
//   TransferStore    keeps what is durable
//
// B and W are never held together, nor during I/O. Receiver and Settler return what comes next;
// they never call the workers back, except to hand on what need not wait.
//
// The order of one transfer, and what is durable when:
//   INTENT     recorded; fetch and verify into staging          a restart goes on with it, unless
//                                                               the book is of one piece
//   PREPARED   after fsync of the file and of staging           from here on it is never given up
//   (Release)  the source decides: a ticket, or a final refusal
//   OWNED      recorded with its new listing; then renamed into the library, folders fsynced,
//   served (UpdateOwner, Confirm)  repeated until they are answered
//   DONE
// A copy is not recorded as PREPARED: no other peer decides about it, so OWNED says it all.
// Thread-safe.
class Transfers {
 public:
  struct Parts {  // all must outlive it
    const SharedFolder* folder;
    Ledger* ledger;
    HashCache* cache;
    Library* library;
    Holders* holders;
    Fetcher* fetcher;
    SmallFetcher* small_fetcher;
    IndexClient* index;
    PartialBooks* partials;
    const Clock* clock;
    Bell* bell = nullptr;  // rung when a transfer has changed
  };
  using Change = TransferBoard::Change;
  using Group = TransferBoard::Group;
  using GroupPtr = TransferBoard::GroupPtr;
  using GroupChange = TransferBoard::GroupChange;
  using GroupChanges = TransferBoard::GroupChanges;

  // `key` is this peer's.
  Transfers(Parts parts, const PrivateKey& key);
  ~Transfers();

  // Ends what a crash interrupted on the disk. Call once, before the library is loaded.
  absl::Status Recover();
  // Starts the workers, with what is still open.
  void Start();
  // Leaves open transfers for the next run.
  void Stop();
  // Ends all delays, because the index is back.
  void RetryNow();

  // Finds a source and begins a transfer, which goes on by itself. Blocks for the search. For the
  // errors see PeerService.Fetch.
  absl::StatusOr<TransferId> Begin(const FetchWish& wish);
  // Begins many together; each begins or fails by itself.
  GroupPtr BeginMany(absl::Span<const FetchWish> wishes);
  // Keeps a received book as a copy, since its source does not answer. A call to the source that is
  // under way ends first; Await tells when it is done. See PeerService.KeepTransfer.
  // Errors: kTransferUnknown, kTransferNotWaiting.
  absl::Status Keep(const TransferId& id);

  // Lets a received book enter as `name`, because it can enter at no place that the peer knows.
  // Returns its view once it has that place. See PeerService.PlaceTransfer.
  absl::StatusOr<TransferView> Place(const TransferId& id, const BookName& name);

  // Ends downloads for good, and frees what they hold on the disk. Returns for each, in order, OK
  // or why it cannot end any more. See PeerService.CancelTransfers.
  std::vector<absl::Status> Cancel(absl::Span<const TransferId> ids);
  // Removes transfers from the list; an interrupted download is cancelled first. See
  // PeerService.ForgetTransfers.
  std::vector<absl::Status> Forget(absl::Span<const TransferId> ids);

  // Lets transfers go on that failed or wait. Returns for each, in order, the id under which it
  // goes on, or why it does not. See PeerService.RetryTransfers.
  std::vector<absl::StatusOr<TransferId>> Retry(absl::Span<const TransferId> ids);

  // See TransferBoard for these four.
  absl::StatusOr<Change> Await(const TransferId& id, uint64_t version, absl::Duration wait) const;
  GroupChanges AwaitMany(Group& group, absl::Duration wait) const;
  std::vector<TransferView> List() const;
  TransferBoard::Changes ChangesSince(uint64_t mark, size_t most) const;
  bool stopping() const;

 private:
  // Drops interrupted downloads that the wishes do not mean any more.
  void DropOutdated(absl::Span<const FetchWish> wishes);
  // Waits until the download has ended. Errors: kTransferNotEndable when it was prepared just
  // before, kShuttingDown.
  absl::Status AwaitEnd(const TransferId& id) const;
  absl::Status BeginEnd(const TransferId& id, const char* why);
  // Begins the wishes that have the numbers from `first` on in the group.
  void BeginSome(absl::Span<const FetchWish> wishes, size_t first,
                 SourceChooser::SourceCache& sources, const GroupPtr& group);

  const Parts parts_;
  TransferBoard board_;
  TransferStore store_;
  PartialOffers offers_;
  Dropper dropper_;
  Placer placer_;
  SourceChooser chooser_;
  SourceCalls calls_;
  Receiver receiver_;
  Settler settler_;
  TransferWorkers workers_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFERS_H_
