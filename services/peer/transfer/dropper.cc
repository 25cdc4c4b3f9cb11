#include "services/peer/transfer/dropper.h"

#include "lib/core/log.h"

namespace arkshare {

void Dropper::Drop(Transfer& transfer, const absl::Status& why) {
  offers_->End(transfer);
  transfer.received.reset();  // an open file keeps its room on the disk
  store_->Drop(transfer.record);
  transfer.record.state = TransferRecord::State::kDropped;
  LogInfo("dropped",
          {{"book", transfer.record.name}, {"transfer", transfer.record.id}, {"why", why}});
  board_->Fail(transfer, why);
}

}  // namespace arkshare
