// The ledger's list of the books that came and went.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_HISTORY_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_HISTORY_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <optional>
#include <vector>

#include "services/peer/disk/ledger_file.h"
#include "services/peer/disk/ledger_records.h"

namespace arkshare {

// Reads the tables of transfers, releases and listings. Thread-safe.
class LedgerHistory {
 public:
  // `file` must outlive it.
  explicit LedgerHistory(LedgerFile* file) : file_(file) {}

  // Returns at most `limit` records that come after `after`, newest first; nullopt: the newest.
  // Records of the same time are in order of their ids.
  absl::StatusOr<std::vector<HistoryRecord>> Read(const std::optional<HistoryPlace>& after,
                                                  size_t limit);

 private:
  LedgerFile* const file_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_HISTORY_H_
