// The statements on the ledger's table of listings.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LISTING_ROWS_H_
#define ARKSHARE_SERVICES_PEER_DISK_LISTING_ROWS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/core/book_name.h"
#include "services/peer/disk/ledger_records.h"
#include "services/peer/disk/sqlite.h"

namespace arkshare {

// Runs the statements on one table, which several classes change in transactions of theirs. Lives
// in a call of LedgerFile; what writes is called in LedgerFile::Commit.
class ListingRows {
 public:
  // `db` must outlive it.
  explicit ListingRows(SqlDatabase* db) : db_(db) {}

  absl::StatusOr<std::vector<ListingRecord>> Present() const;
  absl::StatusOr<std::optional<ListingRecord>> Find(uint64_t number) const;

  // Adds a present listing at `now`, and returns the number that the table draws for it.
  absl::StatusOr<uint64_t> Insert(const ListingRecord& listing, absl::Time now);
  // Returns when each listing was added, in order; the epoch when it is not known.
  absl::StatusOr<std::vector<absl::Time>> Times(absl::Span<const uint64_t> numbers) const;
  // Uses up a number without a listing, and returns it.
  absl::StatusOr<uint64_t> DrawNumber();
  absl::Status SetState(absl::Span<const uint64_t> numbers, ListingRecord::State state);
  // Deletes listings that ended by themselves, with numbers above `after` and up to `through`.
  // Keeps those that a transfer names.
  absl::Status DeleteEnded(uint64_t after, uint64_t through);
  // Returns the largest number that was drawn; 0 when none was.
  absl::StatusOr<uint64_t> LastNumber() const;
  // Makes all later numbers larger than `number`.
  absl::Status SkipTo(uint64_t number);
  absl::Status Settle(absl::Span<const uint64_t> numbers);
  // Stores the identity that the file of a listing has now, with the same content.
  absl::Status SetIdentity(uint64_t number, const FileIdentity& identity);
  // Gives the present listings kDoubtedCtime.
  absl::Status DoubtAll();
  // Sets name and path.
  absl::Status Rename(uint64_t number, const BookName& name);

 private:
  SqlDatabase* const db_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LISTING_ROWS_H_
