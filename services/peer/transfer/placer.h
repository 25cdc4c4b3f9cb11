// The place of a received book: whether it can still be entered, and another one that the owner
// chooses.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_PLACER_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_PLACER_H_

#include <absl/status/status.h>

#include "lib/core/clock.h"
#include "services/peer/disk/entrance.h"
#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfer_board.h"
#include "services/peer/transfer/transfer_store.h"

namespace arkshare {

// Thread-safe; a transfer is in one call at a time.
class Placer {
 public:
  // All must outlive it.
  Placer(TransferStore* store, TransferBoard* board, const Clock* clock)
      : store_(store), board_(board), clock_(clock) {}

  // Says whether the source may be asked to give a prepared book away: its place can be entered, or
  // the source was asked already, so that the answer counts for more. Takes the place that the
  // owner has chosen first. A place that was tried a moment ago is not tried again. `checked`
  // spares a second look at a folder. The error says for people why the place cannot be entered.
  absl::Status CheckBeforeRelease(Transfer& transfer, Entrance::Checked& checked);
  // Puts an owned book into its place: the one that the owner has chosen, or as
  // TransferStore::Admit does.
  absl::Status Admit(Transfer& transfer);
  // Ends the reservation of an admitted book's name, and notes why it has another one.
  void FinishAdmission(Transfer& transfer, const BookName& name);
  // Shows that a transfer waits for a place, and why.
  void ShowWaiting(const Transfer& transfer, const absl::Status& why);

 private:
  // The transfer has the place that its owner has chosen.
  void TakeChosen(Transfer& transfer, const BookName& name);

  TransferStore* const store_;
  TransferBoard* const board_;
  const Clock* const clock_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_PLACER_H_
