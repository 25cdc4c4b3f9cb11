// Calls to the source of transfers, many transfers in one call.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_SOURCE_CALLS_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_SOURCE_CALLS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/file_attributes.h"
#include "lib/core/key.h"
#include "lib/core/ticket.h"
#include "services/peer/fetch/holders.h"
#include "services/peer/session/index_client.h"
#include "services/peer/transfer/transfer.h"

namespace arkshare {

// All transfers of one call have the same source. When a call fails, every transfer in it gets the
// error, and the next call asks the index for the address. Blocks. Thread-safe.
class SourceCalls {
 public:
  // `holders` and `index` must outlive it; `key` is this peer's.
  SourceCalls(Holders* holders, IndexClient* index, PrivateKey key)
      : holders_(holders), index_(index), key_(std::move(key)) {}

  // Asks the source to release its listings. Returns a verified ticket or the source's refusal for
  // each transfer, in order; IsFinalRefusal says which refusals are final.
  std::vector<absl::StatusOr<MoveTicket>> Release(const Batch& transfers);
  // Asks the source for the attributes of its file, with a download of no bytes. nullopt when it
  // does not say.
  std::optional<FileAttributes> AttributesAtSource(const TransferPtr& transfer);
  // Tells the source that this peer owns the books. OK means that nothing is left to confirm there.
  std::vector<absl::Status> Confirm(const Batch& transfers);
  // Returns the name of the live peer with this key for people, "peer 5".
  std::string NameOf(const std::string& key_hex);

 private:
  // Returns the address known last, or the one that the index gives.
  absl::StatusOr<std::string> SourceAddress(const Batch& transfers);

  Holders* const holders_;
  IndexClient* const index_;
  const PrivateKey key_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_SOURCE_CALLS_H_
