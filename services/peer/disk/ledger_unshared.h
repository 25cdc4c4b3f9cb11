// The ledger's tables of what the owner keeps private.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_UNSHARED_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_UNSHARED_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <string>
#include <vector>

#include "services/peer/disk/ledger_records.h"
#include "services/peer/disk/sqlite.h"

namespace arkshare {

// Runs the statements on two tables. Has no lock: Ledger calls it with its own lock held, and calls
// what writes within a transaction.
class LedgerUnshared {
 public:
  // `db` must outlive it.
  explicit LedgerUnshared(SqlDatabase* db) : db_(db) {}

  // Returns a record for each path and mark; the newest mark of a path is the last one.
  absl::StatusOr<std::vector<UnsharedRecord>> All() const;
  // Adds paths and marks. A path keeps its newest eight marks.
  absl::Status Put(absl::Span<const UnsharedRecord> records);
  absl::Status Remove(absl::Span<const std::string> paths);

 private:
  SqlDatabase* const db_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_UNSHARED_H_
