// A transfer as its owner sees it.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_VIEW_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_VIEW_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>

#include "services/peer/disk/ledger_records.h"
#include "services/peer/transfer/brought.h"

namespace arkshare {

struct TransferView {
  enum class State { kQueued, kFetching, kHandingOver, kDone, kFailed };

  TransferRecord record;
  State state = State::kFetching;
  uint64_t bytes_done = 0;
  uint64_t bytes_per_second = 0;
  int queue_position = 0;
  std::optional<absl::Duration> estimated_wait{};  // while queued
  uint32_t from_peer_id = 0;                       // 0 after a restart: not known
  BroughtByPeer brought{};
  std::string message{};  // for people
  // The book is here, and can enter the folder at no place that this peer knows. An Update that
  // does not set it clears it.
  bool waits_for_place = false;
  absl::Status error{};  // when failed
  absl::Time start{}, end{};

  // Done or failed; a failed transfer may go on later.
  bool HasEnded() const { return state == State::kDone || state == State::kFailed; }
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_VIEW_H_
