#include "services/index/catalog/book_changes.h"

#include <utility>

namespace arkshare {

absl::Status BookChanges::StatePresent(Shelf& shelf, const StatementRecord& statement,
                                       const BookToAdd& book) {
  absl::Status status = holdings_.CheckRoom(shelf, statement);
  if (status.ok()) status = holdings_.CheckNumber(shelf, statement);
  if (!status.ok()) return status;
  if (Add(shelf, statement, book, Holdings::Limits::kHeld) && shelf.visible()) {
    publisher_.PublishBook(CatalogEvent::Kind::kBookListed, shelf.info.peer_id, *statement.present);
  }
  return absl::OkStatus();
}

absl::Status BookChanges::StateGone(Shelf& shelf, uint64_t number) {
  const std::optional<BookListing> removed = holdings_.Gone(shelf, number);
  if (removed.has_value()) scans_.Removed(shelf, *removed);
  if (removed.has_value() && shelf.visible()) {
    publisher_.PublishBook(CatalogEvent::Kind::kBookGone, shelf.info.peer_id, *removed);
  }
  return holdings_.CheckGone(shelf);
}

void BookChanges::Join(Shelf& shelf, const StatementRecord& statement) {
  if (!statement.present.has_value()) {
    StateGone(shelf, statement.number).IgnoreError();
  } else if (JoinPresent(shelf, statement) && shelf.visible()) {
    publisher_.PublishBook(CatalogEvent::Kind::kBookListed, shelf.info.peer_id, *statement.present);
  }
}

std::optional<BookEvent> BookChanges::TakeFrom(Shelf& source, uint64_t number,
                                               Holdings::Limits limits) {
  std::optional<BookListing> removed = limits == Holdings::Limits::kHeld
                                           ? holdings_.GoneIfRoom(source, number)
                                           : holdings_.Gone(source, number);
  if (removed.has_value()) scans_.Removed(source, *removed);
  if (!removed.has_value() || !source.visible()) return std::nullopt;
  return BookEvent{source.info.peer_id, *std::move(removed)};
}

std::optional<BookEvent> BookChanges::GiveTo(Shelf& receiver, const StatementRecord& statement,
                                             Holdings::Limits limits) {
  if (!receiver.reachable) return std::nullopt;
  const bool added = limits == Holdings::Limits::kHeld
                         ? Add(receiver, statement, BookOf(statement), limits)
                         : JoinPresent(receiver, statement);
  if (!added || !receiver.visible()) return std::nullopt;
  return BookEvent{receiver.info.peer_id, *statement.present};
}

bool BookChanges::Add(Shelf& shelf, const StatementRecord& statement, const BookToAdd& book,
                      Holdings::Limits limits) {
  const bool added = holdings_.Present(shelf, statement, book, limits);
  if (added) scans_.Added(shelf, statement.number);
  return added;
}

bool BookChanges::JoinPresent(Shelf& shelf, const StatementRecord& statement) {
  if (holdings_.CheckNumber(shelf, statement).ok()) {
    return Add(shelf, statement, BookOf(statement), Holdings::Limits::kIgnored);
  }
  // The same in any order: whichever of the two books comes first, the number is gone at last.
  StateGone(shelf, statement.number).IgnoreError();
  return false;
}

}  // namespace arkshare
