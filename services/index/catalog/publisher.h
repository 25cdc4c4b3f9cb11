// Makes events of the changes of the catalog, for watchers.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_PUBLISHER_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_PUBLISHER_H_

#include <cstdint>
#include <optional>

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
  // All changes until the next call have this revision, which does not count up any more.
  void BeginStep(uint64_t revision) {
    revision_ = revision;
    in_step_ = true;
    events_->KeepAlways();
  }
  // The same for changes that make everything that of `revision`, from whatever it was.
  void BeginLoad(uint64_t revision) {
    revision_ = revision;
    in_step_ = true;
    events_->BeginLoad(revision);
  }

  void Publish(CatalogEvent event);
  // The peer is visible now, or a field of it has changed.
  void PublishPeerListed(const Shelf& shelf);
  void PublishPeerGone(const Shelf& shelf);
  void PublishBook(CatalogEvent::Kind kind, uint32_t peer_id, const BookListing& listing);
  // A move that is seen: at its source, at its receiver, or at both. Does nothing without either.
  void PublishMove(std::optional<BookEvent> old_book, std::optional<BookEvent> book);
  // All books of the shelf are visible now.
  void PublishBooksOf(const Shelf& shelf, const Holdings& holdings);

 private:
  uint64_t NextRevision() { return in_step_ ? revision_ : ++revision_; }

  Events* const events_;
  uint64_t revision_ = 0;
  bool in_step_ = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_PUBLISHER_H_
