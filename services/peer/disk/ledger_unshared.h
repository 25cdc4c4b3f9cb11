// The ledger's record of what the owner keeps private.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_UNSHARED_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_UNSHARED_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <string>
#include <vector>

#include "services/peer/disk/ledger_file.h"
#include "services/peer/disk/ledger_records.h"

namespace arkshare {

// Thread-safe. Each change is durable when the call returns.
class LedgerUnshared {
 public:
  // `file` must outlive it.
  explicit LedgerUnshared(LedgerFile* file) : file_(file) {}

  // Returns a record for each path and mark; the newest mark of a path is the last one.
  absl::StatusOr<std::vector<UnsharedRecord>> All();
  // Adds paths and marks. A path keeps its newest eight marks.
  absl::Status Put(absl::Span<const UnsharedRecord> records);
  absl::Status Remove(absl::Span<const std::string> paths);

 private:
  LedgerFile* const file_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_UNSHARED_H_
