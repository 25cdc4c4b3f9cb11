// The first step of a transfer: from INTENT until all bytes are here and verified.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_RECEIVER_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_RECEIVER_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>

#include "lib/core/clock.h"
#include "services/peer/fetch/fetcher.h"
#include "services/peer/fetch/small_fetcher.h"
#include "services/peer/transfer/dropper.h"
#include "services/peer/transfer/partial_offers.h"
#include "services/peer/transfer/source_calls.h"
#include "services/peer/transfer/source_chooser.h"
#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfer_board.h"
#include "services/peer/transfer/transfer_queues.h"
#include "services/peer/transfer/transfer_store.h"

namespace arkshare {

// Blocks while bytes come. Thread-safe; a transfer is in one call at a time.
class Receiver {
 public:
  // An interrupted download tries again by itself for this long.
  static constexpr absl::Duration kTryAgainFor = absl::Minutes(10);

  struct Parts {  // all must outlive it
    const SourceChooser* chooser;
    SourceCalls* calls;
    TransferStore* store;
    TransferBoard* board;
    PartialOffers* offers;
    Dropper* dropper;
    Fetcher* fetcher;
    SmallFetcher* small_fetcher;
    const Clock* clock;
  };

  explicit Receiver(Parts parts) : parts_(parts) {}

  // Receives one book from all its holders, or many small books in one stream from their source;
  // `hand_on` gets each book of a stream. A book that a stream does not bring goes on by itself,
  // which asks other holders and knows what to tell the owner.
  Outcome Receive(const FetchTask& task, HandOnReceived hand_on);

 private:
  Outcome ReceiveOne(const TransferPtr& transfer);
  Outcome ReceiveStream(const FetchTask& task, HandOnReceived hand_on);
  // Keeps the verified bytes of a download that failed. Returns whether it tries again by itself.
  // Drops the download when no peer has had the content for long enough.
  bool Interrupt(Transfer& transfer, uint64_t bytes, const absl::Status& why);
  // Drops a download that is to end. Returns whether it did.
  bool EndIfAsked(Transfer& transfer);
  // False when the bytes cannot be written.
  bool StageSmall(Transfer& transfer, const SmallFetcher::Book& book);
  void ShowProgress(Transfer& transfer, uint64_t bytes, std::optional<QueuePlace> place);

  const Parts parts_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_RECEIVER_H_
