// The results of the wishes of one call.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_GROUP_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_GROUP_H_

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/core/mutex.h"
#include "services/peer/transfer/transfer_table.h"

namespace arkshare {

// The board guards all of it with its lock.
class TransferGroup {
 public:
  explicit TransferGroup(size_t wishes) : members_(wishes) {}

 private:
  friend class TransferBoard;
  struct Member {
    TransferTable::EntryPtr entry;
    absl::Status refused;  // without an entry
    uint64_t seen = 0;     // the version that AwaitGroup returned last
  };
  std::vector<Member> members_;  // in the order of the wishes
  size_t open_ = 0;              // transfers that have not ended
  CondVar all_ended_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_GROUP_H_
