// Reading and writing the columns that several tables of the ledger share; for the ledger's sources
// only.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_ROW_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_ROW_H_

#include <absl/status/statusor.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "lib/core/content_id.h"
#include "lib/core/log.h"
#include "services/peer/disk/sqlite.h"

namespace arkshare {

// Returns the value, or ends the process when a row is not what was written: a peer whose ledger is
// damaged can promise nothing.
template <typename T>
T OrDie(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  LogCritical("ledger_damaged", {{"why", value.status()}});
  std::_Exit(70);
}

inline std::string RootBytes(const ContentId& id) { return DigestBytes(id.root); }

// Reads a root at `column` and a size after it.
inline ContentId ReadContent(const SqlStatement& row, int column) {
  return ContentId{OrDie(DigestFromBytes(row.Bytes(column))),
                   static_cast<uint64_t>(row.Int(column + 1))};
}

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_ROW_H_
