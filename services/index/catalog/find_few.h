// The few books that a watcher's filter wants.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_FIND_FEW_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_FIND_FEW_H_

#include <optional>
#include <vector>

#include "services/index/catalog/snapshot_scans.h"
#include "services/index/catalog/tables.h"
#include "services/index/search/query.h"

namespace arkshare {

// Returns all visible whole books that match, in any order, when they are few and found in about a
// tenth of a millisecond; otherwise nullopt.
std::optional<std::vector<FoundBook>> FindFew(const BookQuery& query, const Tables& tables)
    ABSL_SHARED_LOCKS_REQUIRED(tables.mutex);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_FIND_FEW_H_
