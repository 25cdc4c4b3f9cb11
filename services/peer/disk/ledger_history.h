// The ledger's list of the books that came and went.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_HISTORY_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_HISTORY_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <optional>
#include <vector>

#include "services/peer/disk/ledger_records.h"
#include "services/peer/disk/sqlite.h"

namespace arkshare {

// Reads the tables of transfers, releases and listings. Has no lock: Ledger calls it with its own
// lock held.
class LedgerHistory {
 public:
  // `db` must outlive it.
  explicit LedgerHistory(SqlDatabase* db) : db_(db) {}

  // Returns at most `limit` records that come after `after`, newest first; nullopt: the newest.
  // Records of the same time are in order of their ids.
  absl::StatusOr<std::vector<HistoryRecord>> Read(const std::optional<HistoryPlace>& after,
                                                  size_t limit) const;

 private:
  SqlDatabase* const db_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_HISTORY_H_
