// The transfers that a peer remembers, as its owner sees them.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_TABLE_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_TABLE_H_

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "lib/core/ticket.h"
#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfer_view.h"

namespace arkshare {

class TransferGroup;
struct PlaceWish;

// Counts the changes of the views. Remembers 1,000 transfers and those that are open. Not
// thread-safe.
class TransferTable {
 public:
  struct Entry {
    TransferPtr transfer;
    TransferView view;
    uint64_t version = 1;  // of the view
    uint64_t changed = 0;  // the table's count after the last change of the view
    // TransferBoard's: the groups to be told of the end, and a place without an answer.
    std::vector<std::weak_ptr<TransferGroup>> groups{};
    std::shared_ptr<PlaceWish> place{};
  };
  using EntryPtr = std::shared_ptr<Entry>;

  // nullptr: there is none, or it was forgotten.
  EntryPtr Find(const TransferId& id) const;
  // Oldest first.
  const std::deque<EntryPtr>& entries() const { return in_order_; }

  // Remembers a transfer, and forgets the oldest one that is over when there are too many.
  void Add(const EntryPtr& entry);
  void Forget(const EntryPtr& entry);
  void CountChange(Entry& entry);

  // Newest first, at most 1,000.
  std::vector<TransferView> List() const;
  struct Changes {
    std::vector<TransferView> views{};  // the latest of each, in the order in which they changed
    // The ids of all transfers that are remembered, when one was forgotten.
    std::optional<std::vector<TransferId>> remaining{};
    uint64_t mark = 0;  // for the next call
    bool more = false;  // `most` views were not enough
  };
  // Returns what has changed since an earlier call returned `mark`; 0: since the beginning. At most
  // `most` views.
  Changes ChangesSince(uint64_t mark, size_t most) const;

 private:
  uint64_t changes_ = 0;         // of views, and forgotten transfers
  uint64_t last_forgotten_ = 0;  // changes_ after the last of them
  absl::flat_hash_map<TransferId, EntryPtr> by_id_;
  std::deque<EntryPtr> in_order_;  // oldest first
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_TABLE_H_
