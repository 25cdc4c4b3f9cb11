// The ledger's record of transfers: the receiver's half of every move and copy.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_TRANSFERS_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_TRANSFERS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstdint>
#include <vector>

#include "lib/core/book_name.h"
#include "lib/core/clock.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/ledger_file.h"
#include "services/peer/disk/ledger_records.h"

namespace arkshare {

// Thread-safe. Each call that writes is one transaction, durable when it returns.
class LedgerTransfers {
 public:
  // Both must outlive it.
  LedgerTransfers(LedgerFile* file, const Clock* clock) : file_(file), clock_(clock) {}

  // Returns those that are neither done nor dropped, oldest first.
  absl::StatusOr<std::vector<TransferRecord>> Open();

  absl::Status RecordIntents(absl::Span<const TransferRecord> records);
  absl::Status RecordPrepared(absl::Span<const TransferId> ids);
  absl::Status RecordDropped(const TransferId& id);
  struct Owned {
    const TransferRecord* transfer;  // without a ticket: a copy
    const ListingRecord* listing;
  };
  // Stores kOwned and adds the new listings; returns their numbers.
  absl::StatusOr<std::vector<uint64_t>> RecordOwned(absl::Span<const Owned> books);
  // Renames the listing and the transfer together, because the first name was taken.
  absl::Status RenameOwned(const TransferId& id, uint64_t listing, const BookName& name);
  // Renames a transfer that is not owned yet, because its owner has chosen another place.
  absl::Status Rename(const TransferId& id, const BookName& name);
  // Stores index_told, confirmed and state of the records, and the identities of `listings`.
  absl::Status RecordProgress(absl::Span<const TransferRecord> records,
                              absl::Span<const ListingRecord> listings = {});

 private:
  LedgerFile* const file_;
  const Clock* const clock_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_TRANSFERS_H_
