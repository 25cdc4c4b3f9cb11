// One transfer on its way, and how one step passes it on to the next.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_H_

#include <absl/functional/function_ref.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/content_id.h"
#include "services/peer/disk/file_attributes.h"
#include "services/peer/disk/ledger_records.h"
#include "services/peer/disk/unique_fd.h"
#include "services/peer/fetch/holder_rank.h"
#include "services/peer/transfer/brought.h"

namespace arkshare {

class PartialBook;

// Belongs to the worker that runs the transfer, except for `schedule`, `keep` and `end`. The owner
// sees a TransferView, which TransferBoard keeps; TransferQueues decides when the transfer runs.
struct Transfer {
  explicit Transfer(TransferRecord r) : record(std::move(r)), reserved(record.name) {}

  // The verified book, whose bytes are not durable yet.
  struct Received {
    Received(UniqueFd f, std::vector<Sha256Digest> p) : fd(std::move(f)), pieces(std::move(p)) {}

    UniqueFd fd;
    std::vector<Sha256Digest> pieces;
  };

  TransferRecord record;
  BookName reserved;                         // the name it began with, or its owner chose since
  std::vector<BookHolder> holders;           // found by SourceChooser; empty: ask the index
  std::string source_address;                // empty: ask the index
  std::optional<Received> received;          // from the last byte until it is durable
  std::vector<Sha256Digest> pieces;          // of the durable book, until the cache has them
  std::optional<FileAttributes> attributes;  // of the source's file, for the file here
  std::optional<ListingRecord> to_admit;     // owned by this peer, and not in its place yet
  // In its place, with another identity than the ledger has.
  std::optional<ListingRecord> to_identify;
  std::string note;  // for the owner, at the end
  BroughtByPeer brought;
  uint64_t bytes_from_source = 0;      // verified bytes that the source sent to this process
  std::shared_ptr<PartialBook> offer;  // what other peers may read while the book comes
  uint64_t offer_listing = 0;          // its partial listing
  std::deque<std::pair<absl::Time, uint64_t>> samples;  // verified bytes in the last seconds

  // An interruption left verified bytes in staging. Until `try_until` the transfer tries again by
  // itself; InfinitePast: the time counts from the next interruption.
  bool interrupted = false;
  absl::Time try_until = absl::InfinitePast();
  uint64_t bytes_before = 0;  // verified bytes at the last interruption
  bool gone = false;          // the last holder that answered did not have the content any more

  // When the place of the prepared book was tried last, and whether the source was asked since this
  // process began.
  absl::Time place_tried = absl::InfinitePast();
  bool release_asked = false;

  // Belongs to TransferQueues.
  struct Schedule {
    absl::Duration delay = absl::Milliseconds(200);  // before the next retry
    bool fetching = false;                           // a worker receives it
    bool parked = false;                             // an interruption stopped it; no worker has it
    bool resume = false;     // the owner asked for it again while a worker received it
    bool withdrawn = false;  // it never enters again
  };
  Schedule schedule;

  // The owner wants to keep the book as a copy. TransferBoard sets it; Settler takes it between two
  // calls to the source.
  std::atomic<bool> keep{false};
  // Why a download is to end for good, for people; nullptr: it goes on. Receiver and Settler obey
  // it until the book is prepared.
  std::atomic<const char*> end{nullptr};
};

using TransferPtr = std::shared_ptr<Transfer>;
using Batch = std::vector<TransferPtr>;

// The result of a step. A transfer in neither list has ended, waits for its owner, or was handed on
// during the step.
struct Outcome {
  Batch go_on{};  // take the step that their state calls for, now
  Batch later{};  // the same after a delay
};

// Hands on a received book of a batch while the rest still comes. Blocks while too many received
// books wait; returns false when the worker stops.
using HandOnReceived = absl::FunctionRef<bool(const TransferPtr&)>;
// Hands on transfers before their step has ended.
using HandOn = absl::FunctionRef<void(const Batch&)>;

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_H_
