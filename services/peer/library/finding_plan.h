// Plans how the findings in the folder change the tables of the library.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_FINDING_PLAN_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_FINDING_PLAN_H_

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/core/book_name.h"
#include "services/peer/disk/ledger_listings.h"
#include "services/peer/library/finding.h"
#include "services/peer/library/library_tables.h"

namespace arkshare {

// Plans the changes of listings, then makes them once the ledger has recorded them. The paths of
// all of them are claimed meanwhile, so no other thread decides about them. Pure: no lock, no I/O;
// Library calls it with the lock of the tables, except for Changes, touched and size.
class FindingPlan {
 public:
  // Plans that listings agree with the folder. Makes at once what the ledger need not record: what
  // is not listed is noted, and unchanged listings take their new identities. Leaves alone a path
  // that is claimed. Notes a file as unlisted when another path has its name, or beyond
  // `max_books`.
  static FindingPlan Of(std::vector<Finding> findings, LibraryTables& tables, uint64_t max_books);
  // Plans a new number for every listing that no transfer uses: whose path is not claimed, and for
  // which the index has answered.
  static FindingPlan NewNumbers(LibraryTables& tables);

  // The plan as one transaction of the ledger. Points into this plan.
  std::vector<LedgerListings::Replacement> Changes() const;
  // The new identities of unchanged listings.
  const std::vector<LedgerListings::Identity>& touched() const { return touched_; }
  // The number of listings that change.
  size_t size() const { return steps_.size(); }

  // Makes the changes from the one at `first` on, as many as there are `numbers`, which the ledger
  // drew for them. Returns how many listings have ended.
  size_t Carry(LibraryTables& tables, size_t first, absl::Span<const uint64_t> numbers);
  // Ends the claims.
  void Unclaim(LibraryTables& tables) const;

 private:
  // A finding that changes listings: `old` ends, and the book of the finding, if any, is added.
  struct Step {
    size_t finding = 0;
    uint64_t old = 0;
  };
  // The outcome of the findings before this one.
  struct Planned {
    absl::flat_hash_set<uint64_t> ended;
    absl::flat_hash_map<BookName, std::string> added;  // the paths, by name
    uint64_t books = 0;                                // afterwards
    uint64_t max_books = 0;
  };

  void PlanEnd(size_t finding, LibraryTables& tables, Planned& planned);
  void PlanBook(size_t finding, LibraryTables& tables, Planned& planned);
  // Takes a book that is listed already. Returns false when it is another content.
  bool TakeUnchanged(const Finding& finding, LibraryTables& tables);
  // Returns why a book cannot be added, for people; "" when it can.
  static std::string Refusal(const Finding& finding, uint64_t old, const LibraryTables& tables,
                             const Planned& planned);

  std::vector<Finding> findings_;
  std::vector<Step> steps_;
  std::vector<LedgerListings::Identity> touched_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_FINDING_PLAN_H_
