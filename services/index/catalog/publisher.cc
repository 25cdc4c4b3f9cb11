#include "services/index/catalog/publisher.h"

#include <utility>

namespace arkshare {

void Publisher::Publish(CatalogEvent event) {
  event.revision = NextRevision();
  events_->Publish(std::move(event));
}

void Publisher::PublishPeerListed(const Shelf& shelf) {
  CatalogEvent event;
  event.kind = CatalogEvent::Kind::kPeerListed;
  event.peer = shelf.Summary();
  Publish(std::move(event));
}

void Publisher::PublishPeerGone(const Shelf& shelf) {
  CatalogEvent event;
  event.kind = CatalogEvent::Kind::kPeerGone;
  event.peer_id = shelf.info.peer_id;
  Publish(std::move(event));
}

void Publisher::PublishBook(CatalogEvent::Kind kind, uint32_t peer_id, const BookListing& listing) {
  if (events_->wanted() == 0) {
    NextRevision();
    return;
  }
  CatalogEvent event;
  event.kind = kind;
  event.book = BookEvent{peer_id, listing};
  Publish(std::move(event));
}

void Publisher::PublishMove(std::optional<BookEvent> old_book, std::optional<BookEvent> book) {
  if (!old_book.has_value() && !book.has_value()) return;
  CatalogEvent event;
  event.kind = CatalogEvent::Kind::kBookGone;
  if (book.has_value()) {
    event.kind =
        old_book.has_value() ? CatalogEvent::Kind::kBookMoved : CatalogEvent::Kind::kBookListed;
    event.book = std::move(book);
    event.old_book = std::move(old_book);
  } else {
    event.book = std::move(old_book);
  }
  Publish(std::move(event));
}

void Publisher::PublishBooksOf(const Shelf& shelf, const Holdings& holdings) {
  const size_t wanted = events_->wanted();
  if (wanted == 0) return;
  if (shelf.by_number.size() > wanted) {
    events_->CutOffAll();
    return;
  }
  for (const auto& [number, edition] : shelf.by_number) {
    PublishBook(CatalogEvent::Kind::kBookListed, shelf.info.peer_id,
                holdings.ListingOf(edition, number));
  }
}

}  // namespace arkshare
