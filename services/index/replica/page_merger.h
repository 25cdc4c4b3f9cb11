// Keeps small what the log has of each session.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_PAGE_MERGER_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_PAGE_MERGER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "lib/core/clock.h"
#include "services/index/catalog/catalog.h"
#include "services/index/replica/roster.h"
#include "services/index/replica/stored_pages.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Returns a page that says as much as all of the pages and more: what the shelf has of their
// numbers. Statements are joined, so it changes no fold that has them.
replica::PageRecord MergePages(const Catalog& catalog, const Catalog::ShelfPtr& shelf,
                               absl::Span<const StoredPage* const> pages);

// Merges the pages and graves of the sessions whose claim this replica has. One write puts the
// merged one and deletes the others, so a replica that ends at any moment loses nothing. Two
// replicas that merge the same pages harm nothing: each merged page says all that its own pages
// say, whatever becomes of the others. Run is called from one thread.
class PageMerger {
 public:
  // All must outlive the last answer of the log.
  PageMerger(const Clock* clock, const Catalog* catalog, Roster* roster, SharedLog* log)
      : clock_(clock), catalog_(*catalog), roster_(*roster), log_(log) {}

  // Begins what is to be done now. Cheap when it is called often.
  void Run();
  // Returns whether writes are under way. Thread-safe.
  bool busy() const { return *under_way_ > 0; }

 private:
  // Each begins at most kMostAtOnce writes, and returns how many.
  size_t Merge(const SharedSession& session);
  size_t MergeGraves(const SharedSession& session);
  void Commit(SharedLog::Write write);

  const Clock* const clock_;
  const Catalog& catalog_;
  Roster& roster_;
  SharedLog* const log_;
  // The peers to look at, in order.
  std::deque<PublicKey> line_;
  absl::flat_hash_set<PublicKey> in_line_;
  // The entries of a session when no merge was of use.
  absl::flat_hash_map<PublicKey, size_t> fruitless_;
  absl::Time next_run_ = absl::InfinitePast();
  uint64_t next_count_ = 1;
  // Shared, because an answer may outlive the last Run.
  const std::shared_ptr<std::atomic<int>> under_way_ = std::make_shared<std::atomic<int>>(0);
  const std::shared_ptr<std::atomic<bool>> failed_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_PAGE_MERGER_H_
