// The ledger's record of the last session with the index.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_SESSION_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_SESSION_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>

#include "services/peer/disk/ledger_file.h"

namespace arkshare {

// Thread-safe. Each change is durable when the call returns.
class LedgerSession {
 public:
  // `file` must outlive it.
  explicit LedgerSession(LedgerFile* file) : file_(file) {}

  // Returns the number that the index gave this peer last; 0 for none.
  absl::StatusOr<uint32_t> LastPeerId() { return Number("peer_id"); }
  absl::Status SetLastPeerId(uint32_t id) { return SetNumber("peer_id", id); }
  // The port of the relay through which other peers reached this one last; 0: they reached it
  // directly, or not at all.
  absl::StatusOr<uint32_t> LastRelayPort() { return Number("relay_port"); }
  absl::Status SetLastRelayPort(uint32_t port) { return SetNumber("relay_port", port); }

 private:
  // 0 when none was set.
  absl::StatusOr<uint32_t> Number(const char* key);
  absl::Status SetNumber(const char* key, uint32_t value);

  LedgerFile* const file_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_SESSION_H_
