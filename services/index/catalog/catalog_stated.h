// Reads the shelves for the fold of a log: what is stated there, and what may be stated next.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_STATED_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_STATED_H_

#include <absl/status/status.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/index/catalog/records.h"
#include "services/index/catalog/shelves.h"
#include "services/index/catalog/tables.h"
#include "services/index/store/number_set.h"

namespace arkshare {

// The fold of a log that replicas share refuses nothing, so what goes into the log is checked
// before. Thread-safe. Shares the lock of the tables.
class CatalogStated {
 public:
  explicit CatalogStated(const Tables* tables) : tables_(tables) {}

  struct Checked {
    size_t count = 0;           // statements that may be stated, from the first
    absl::Status status;        // why the next one may not: LIMIT_EXCEEDED, INVALID_FIELD
    std::vector<size_t> known;  // those of the `count` statements that say nothing new
  };
  Checked Check(const ShelfPtr& shelf, absl::Span<const StatementRecord> statements) const;
  // Returns for each book that the shelf's peer has received whether it may be stated.
  std::vector<absl::Status> CheckReceived(const ShelfPtr& shelf,
                                          absl::Span<const OwnerChange> changes) const;
  struct Stated {
    std::vector<BookListing> present;
    std::vector<NumberRange> gone;  // the runs that have one of the numbers, whole
  };
  // Returns what the shelf has of the numbers: it says the same as all statements of them so far.
  // Requires ascending ranges that do not meet, and few books in them.
  Stated StatedOf(const ShelfPtr& shelf, absl::Span<const NumberRange> numbers) const;
  // Returns how many books and runs StatedOf returns.
  size_t CountStated(const ShelfPtr& shelf, absl::Span<const NumberRange> numbers) const;
  // Returns how many books and runs of numbers that are gone the shelf has.
  size_t CountStated(const ShelfPtr& shelf) const;
  // Returns a number that is at least as large as every number that is present on the shelf.
  uint64_t LargestPresent(const ShelfPtr& shelf) const;

 private:
  const Tables* const tables_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_STATED_H_
