// One transfer on its way.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_H_

#include <absl/time/time.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/peer/disk/ledger.h"
#include "services/peer/disk/partial_books.h"
#include "services/peer/fetch/holders.h"
#include "services/peer/transfer/transfers.h"

namespace arkshare {

struct Transfer {
  Transfer(TransferRecord r, absl::Time now)
      : record(std::move(r)), reserved(record.name), view{.record = record} {
    view.start = now;
  }

  // Of the thread that has it.
  TransferRecord record;
  const BookName reserved;  // the name it began with
  // Found when the source was chosen; empty: ask the index.
  std::vector<BookHolder> holders;
  std::string source_address;  // empty: ask the index
  absl::Duration retry = absl::Milliseconds(200);
  std::deque<std::pair<absl::Time, uint64_t>> samples;  // of verified bytes, over the last seconds
  std::map<uint32_t, uint64_t> brought;                 // verified bytes, by the number of the peer
  // All bytes are here and verified, and not yet durable.
  struct Received {
    Received(UniqueFd f, std::vector<Sha256Digest> p) : fd(std::move(f)), pieces(std::move(p)) {}

    UniqueFd fd;
    std::vector<Sha256Digest> pieces;
  };
  std::optional<Received> received;
  // Ours, and not yet in its place.
  std::optional<ListingRecord> to_admit;
  // Of a copy that others may read while it comes; and its listing.
  std::shared_ptr<PartialBook> offer;
  uint64_t offer_listing = 0;
  // Was interrupted, and what had been verified is staged. Until when it tries again by itself.
  bool interrupted = false;
  absl::Time try_until = absl::InfinitePast();
  uint64_t got_before = 0;  // verified bytes when it was last interrupted
  std::string note;         // for the owner, when it has ended

  // Guarded by Transfers::mutex_.
  TransferView view;
  uint64_t version = 1;
  bool keep = false;       // asked for by the owner; taken up between two calls to the source
  bool parked = false;     // was interrupted; waits for its time or its owner, and nobody has it
  bool receiving = false;  // a thread has it
  bool again = false;      // asked for again by the owner while that thread was giving up
  std::vector<std::shared_ptr<TransferGroup>> groups;  // to be told of the end
};

// Those of one BeginMany.
struct TransferGroup {
  struct Member {
    absl::Status refused;  // it never began; then there is no transfer
    TransferPtr transfer;
    uint64_t seen = 0;  // the version that AwaitMany told last
  };
  std::vector<Member> members;  // in the order of the wishes

  // Guarded by Transfers::mutex_.
  size_t open = 0;
  CondVar all_ended;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_H_
