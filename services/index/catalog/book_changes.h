// Changes of single books in the catalog, with what follows from each.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_BOOK_CHANGES_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_BOOK_CHANGES_H_

#include <absl/status/status.h>

#include <cstdint>
#include <optional>

#include "services/index/catalog/events.h"
#include "services/index/catalog/holdings.h"
#include "services/index/catalog/publisher.h"
#include "services/index/catalog/records.h"
#include "services/index/catalog/shelf.h"
#include "services/index/catalog/snapshot_scans.h"

namespace arkshare {

// Changes the holdings, and tells the snapshots and the watchers. Guarded by Tables::mutex.
class BookChanges {
 public:
  // All must outlive it.
  BookChanges(Holdings* holdings, SnapshotScans* scans, Publisher* publisher)
      : holdings_(*holdings), scans_(*scans), publisher_(*publisher) {}

  // Each applies one statement and publishes its event. `book` is made of the statement.
  // LIMIT_EXCEEDED, INVALID_FIELD.
  absl::Status StatePresent(Shelf& shelf, const StatementRecord& statement, const BookToAdd& book);
  absl::Status StateGone(Shelf& shelf, uint64_t number);
  // The same for the fold of a log, which refuses nothing: a number that is stated for two books is
  // gone.
  void Join(Shelf& shelf, const StatementRecord& statement);

  // Each is a half of a move, whose event the caller publishes, and returns the book of it that was
  // visible, or is visible now. Limits::kIgnored: for the fold of a log.
  std::optional<BookEvent> TakeFrom(Shelf& source, uint64_t number, Holdings::Limits limits);
  std::optional<BookEvent> GiveTo(Shelf& receiver, const StatementRecord& statement,
                                  Holdings::Limits limits);

 private:
  // Both return whether the book is listed now and was not before.
  bool Add(Shelf& shelf, const StatementRecord& statement, const BookToAdd& book,
           Holdings::Limits limits);
  bool JoinPresent(Shelf& shelf, const StatementRecord& statement);

  Holdings& holdings_;
  SnapshotScans& scans_;
  Publisher& publisher_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_BOOK_CHANGES_H_
