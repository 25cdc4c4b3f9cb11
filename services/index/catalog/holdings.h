// The books on the shelves of all peers: the fold over what peers state.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_HOLDINGS_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_HOLDINGS_H_

#include <absl/status/status.h>
#include <absl/types/span.h>

#include <cstdint>
#include <optional>

#include "services/index/catalog/records.h"
#include "services/index/catalog/shelf.h"
#include "services/index/store/book_table.h"

namespace arkshare {

// present(shelf, listing) and gone(shelf, number). Gone is final, so the order in which statements
// arrive does not matter. Pure: no lock, no events. Not thread-safe.
class Holdings {
 public:
  // Partial books get the room that whole ones leave.
  explicit Holdings(uint64_t max_books_per_peer) : max_books_per_peer_(max_books_per_peer) {}

  // Whole books.
  const BookTable& books() const { return books_; }
  // Partial books, without words: no search by keywords finds them.
  const BookTable& parts() const { return parts_; }

  // LIMIT_EXCEEDED when the statement would add one whole book too many.
  absl::Status CheckRoom(const Shelf& shelf, const StatementRecord& statement) const;
  // INVALID_FIELD when the statement's number already belongs to another book.
  absl::Status CheckNumber(const Shelf& shelf, const StatementRecord& statement) const;
  // LIMIT_EXCEEDED when the numbers that are gone take more ranges than a peer may have books.
  absl::Status CheckGone(const Shelf& shelf) const;

  // Adds the statement's book, if its number is neither gone nor there, and returns whether a whole
  // book was added. `book` is made of the statement, whose keys must stay until AddWords.
  bool Present(Shelf& shelf, const StatementRecord& statement, const BookToAdd& book);
  // Marks the number as gone and removes its book. Returns the book if it was a whole one.
  std::optional<BookListing> Gone(Shelf& shelf, uint64_t number);
  // Removes one book from a shelf that has some, whole books first.
  void RemoveOne(Shelf& shelf);

  // Fetches into the cache what Present reads for these whole books.
  void Prefetch(absl::Span<const BookToAdd> books) const { books_.Prefetch(books); }
  // Makes the words of what was added since the last call lead to it.
  void AddWords() { books_.AddWords(); }

  BookListing ListingOf(EditionId edition, uint64_t number) const;
  // Puts some more whole books of the shelf in order of name, until shelf.by_name is complete.
  void OrderSome(Shelf& shelf) const;

 private:
  std::optional<BookListing> FindListing(const Shelf& shelf, uint64_t number) const;
  void Remove(Shelf& shelf, uint64_t number);

  const uint64_t max_books_per_peer_;
  BookTable books_;
  BookTable parts_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_HOLDINGS_H_
