// The ledger's table of transfers: the receiver's half of every move and copy.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_TRANSFERS_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_TRANSFERS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstdint>
#include <vector>

#include "lib/core/book_name.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/ledger_records.h"
#include "services/peer/disk/sqlite.h"

namespace arkshare {

// Runs the statements on one table. Has no lock: Ledger calls it with its own lock held, and calls
// what writes within a transaction.
class LedgerTransfers {
 public:
  // `db` must outlive it.
  explicit LedgerTransfers(SqlDatabase* db) : db_(db) {}

  // Neither done nor dropped, oldest first.
  absl::StatusOr<std::vector<TransferRecord>> Open() const;

  absl::Status InsertIntents(absl::Span<const TransferRecord> records);
  absl::Status SetState(absl::Span<const TransferId> ids, TransferRecord::State state);
  // Stores kOwned at `now`, the listing and the name that the book has here, and the record's
  // ticket.
  absl::Status SetOwned(const TransferRecord& record, uint64_t listing, const BookName& name,
                        absl::Time now);
  absl::Status Rename(const TransferId& id, const BookName& name);
  // Stores index_told, confirmed and state.
  absl::Status SetProgress(absl::Span<const TransferRecord> records);

 private:
  SqlDatabase* const db_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_TRANSFERS_H_
