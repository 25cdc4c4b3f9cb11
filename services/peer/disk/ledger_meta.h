// The ledger's single numbers, each under a key.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_META_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_META_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <optional>

#include "services/peer/disk/sqlite.h"

namespace arkshare {

// Both run in a call of LedgerFile; SetMeta in LedgerFile::Commit.
absl::StatusOr<std::optional<int64_t>> FindMeta(SqlDatabase* db, absl::string_view key);
absl::Status SetMeta(SqlDatabase* db, absl::string_view key, int64_t value);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_META_H_
