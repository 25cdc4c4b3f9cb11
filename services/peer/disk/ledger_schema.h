// The tables of a peer's ledger. They are described in ledger_schema.cc, where a program that
// audits a ledger reads them.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_SCHEMA_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_SCHEMA_H_

#include <absl/status/status.h>

#include "services/peer/disk/sqlite.h"

namespace arkshare {

// Makes the tables that the ledger does not have, and brings those of an earlier version to the
// present form. Requires: a transaction.
absl::Status MakeLedgerTables(SqlDatabase& db);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_SCHEMA_H_
