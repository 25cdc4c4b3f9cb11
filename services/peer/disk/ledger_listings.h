// The ledger's table of listings.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_LISTINGS_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_LISTINGS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/core/book_name.h"
#include "services/peer/disk/ledger_records.h"
#include "services/peer/disk/sqlite.h"

namespace arkshare {

// Runs the statements on one table. Has no lock: Ledger calls it with its own lock held, and calls
// what writes within a transaction.
class LedgerListings {
 public:
  // `db` must outlive it.
  explicit LedgerListings(SqlDatabase* db) : db_(db) {}

  absl::StatusOr<std::vector<ListingRecord>> Present() const;
  absl::StatusOr<std::optional<ListingRecord>> Find(uint64_t number) const;

  // Adds a present listing and returns the number that the table draws for it.
  absl::StatusOr<uint64_t> Insert(const ListingRecord& listing);
  // Uses up a number without a listing, and returns it.
  absl::StatusOr<uint64_t> DrawNumber();
  absl::Status SetState(absl::Span<const uint64_t> numbers, ListingRecord::State state);
  absl::Status Settle(absl::Span<const uint64_t> numbers);
  // Stores the identities of these listings' files.
  absl::Status SetIdentities(absl::Span<const ListingRecord> listings);
  // Sets name and path.
  absl::Status Rename(uint64_t number, const BookName& name);

 private:
  SqlDatabase* const db_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_LISTINGS_H_
