// Makes events of the changes of the catalog, for watchers.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_PUBLISHER_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_PUBLISHER_H_

#include <cstdint>

#include "services/index/catalog/events.h"
#include "services/index/catalog/holdings.h"
#include "services/index/catalog/records.h"
#include "services/index/catalog/shelf.h"

namespace arkshare {

// Gives each change the next revision, and makes events of it when there is a watcher. Guarded
// by Tables::mutex.
class Publisher {
 public:
  // `events` must outlive it.
  explicit Publisher(Events* events) : events_(events) {}

  // Returns the revision of the last change.
  uint64_t revision() const { return revision_; }

  void Publish(CatalogEvent event);
  // The peer is visible now, or a field of it has changed.
  void PublishPeerListed(const Shelf& shelf);
  void PublishPeerGone(const Shelf& shelf);
  void PublishBook(CatalogEvent::Kind kind, uint32_t peer_id, const BookListing& listing);
  // All books of the shelf are visible now.
  void PublishBooksOf(const Shelf& shelf, const Holdings& holdings);

 private:
  Events* const events_;
  uint64_t revision_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_PUBLISHER_H_
