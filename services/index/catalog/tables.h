// The tables of the catalog that its parts read, under one lock.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_TABLES_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_TABLES_H_

#include <cstdint>

#include "services/index/catalog/fair_shared_mutex.h"
#include "services/index/catalog/holdings.h"
#include "services/index/catalog/shelf.h"
#include "services/index/catalog/shelves.h"

namespace arkshare {

// Catalog changes them; CatalogSearch, CatalogLists and CatalogStated read them. The mutex also
// guards the shelves themselves, and what else of Catalog says so.
struct Tables {
  Tables(uint64_t max_books_per_peer, uint64_t max_bytes)
      : holdings(max_books_per_peer, max_bytes) {}

  mutable FairSharedMutex mutex;
  Holdings holdings ABSL_GUARDED_BY(mutex);
  ShelfSlots slots ABSL_GUARDED_BY(mutex);
  Shelves shelves ABSL_GUARDED_BY(mutex);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_TABLES_H_
