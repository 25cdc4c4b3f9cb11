// One transfer on its way; shared by the sources of class Transfers only.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_H_

#include <deque>
#include <string>
#include <utility>

#include "services/peer/transfers.h"

namespace arkshare {

struct Transfers::Transfer {
  Transfer(TransferRecord r, absl::Time now) : record(std::move(r)), view{.record = record} {
    view.start = now;
  }

  // Of the worker that runs it; nobody else reads them.
  TransferRecord record;
  std::string source_address;  // empty: ask the index
  absl::Duration retry = absl::Milliseconds(200);
  std::deque<std::pair<absl::Time, uint64_t>> samples;  // of verified bytes, over the last seconds

  // Guarded by Transfers::mutex_.
  TransferView view;
  uint64_t version = 1;
  bool scheduled = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_H_
