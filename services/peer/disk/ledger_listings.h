// The ledger's record of what this peer lists.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_LISTINGS_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_LISTINGS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/core/clock.h"
#include "services/peer/disk/folder_traits.h"
#include "services/peer/disk/ledger_file.h"
#include "services/peer/disk/ledger_records.h"

namespace arkshare {

// Thread-safe. Each change is durable when the call returns. LedgerReleases ends the listings of
// books that are given away, and LedgerTransfers adds those of received ones.
class LedgerListings {
 public:
  // Both must outlive it.
  LedgerListings(LedgerFile* file, const Clock* clock) : file_(file), clock_(clock) {}

  // Doubts the identities of all listings (kDoubtedCtime) when the folder is at another place than
  // last time, or does not keep ctimes. For Ledger::Open, in its transaction.
  static absl::Status ComparePlace(SqlDatabase* db, const FolderTraits& traits);

  absl::StatusOr<std::vector<ListingRecord>> Present();
  absl::StatusOr<std::optional<ListingRecord>> Find(uint64_t number);
  // Returns when each of these listings was added, in order; the epoch when it is not known.
  absl::StatusOr<std::vector<absl::Time>> Times(absl::Span<const uint64_t> numbers);

  // Ends listing `gone` (0: none) with `gone_state` and adds `added`, in one transaction. Returns
  // the number of the new listing.
  absl::StatusOr<uint64_t> Replace(uint64_t gone, ListingRecord::State gone_state,
                                   const ListingRecord& added);
  struct Replacement {
    uint64_t gone = 0;  // the listing that ends; 0: none
    ListingRecord::State gone_state = ListingRecord::State::kDeleted;
    const ListingRecord* added = nullptr;  // nullptr: none
  };
  // Makes all of them in one transaction. Returns the number of each new listing, 0 where none was
  // added. All numbers from now on are larger than `above`.
  absl::StatusOr<std::vector<uint64_t>> ReplaceAll(absl::Span<const Replacement> changes,
                                                   uint64_t above = 0);
  absl::Status End(uint64_t number, ListingRecord::State state);
  absl::Status Settle(absl::Span<const uint64_t> numbers);
  struct Identity {
    uint64_t listing = 0;
    FileIdentity identity;
  };
  // Stores the identities under which the files of listings were hashed again, with the same
  // contents, in one transaction.
  absl::Status RecordIdentities(absl::Span<const Identity> identities);
  // Deletes the records of listings that were deleted or changed, but not those of the last 10,000
  // numbers: a receiver that still asks for one of these is told what became of it. Takes several
  // transactions.
  absl::Status Prune();

  // Returns the largest number that was drawn; 0 when none was.
  absl::StatusOr<uint64_t> LastNumber();
  // Returns a number for a listing that is announced to the index but never recorded.
  absl::StatusOr<uint64_t> DrawNumber();

 private:
  LedgerFile* const file_;
  const Clock* const clock_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_LISTINGS_H_
