// The rules of what the owner may ask of a transfer, and of which transfer answers a wish.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_RULES_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_RULES_H_

#include <absl/status/status.h>

#include "services/peer/transfer/fetch_wish.h"
#include "services/peer/transfer/transfer_view.h"

namespace arkshare {

absl::Status NoSuchTransfer();

// Whether a transfer can be given up: OK while it is received, else kTransferNotEndable.
absl::Status MayEnd(const TransferView& view);

// Whether a transfer can be removed from the list: OK when nothing is left to do for it, else
// kTransferNotEndable.
absl::Status MayForget(const TransferView& view);

// Whether the owner may keep the received book as a copy: OK when it waits for its source or is
// kept already, else kTransferNotWaiting.
absl::Status MayKeep(const TransferView& view);

// True for the view of a transfer that waits for the source's answer about a move.
bool WaitsForSource(const TransferView& view);

// True for the view of a download that was interrupted and can go on.
bool IsInterrupted(const TransferView& view);

// True when a transfer that is being received answers the wish.
bool Answers(const TransferView& view, const FetchWish& wish);

// True when the wish asks for a book under the name of the transfer.
bool AsksForName(const TransferView& view, const FetchWish& wish);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_RULES_H_
