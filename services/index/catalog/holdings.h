// The books on the shelves of all peers: the fold over what peers state.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_HOLDINGS_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_HOLDINGS_H_

#include <absl/status/status.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "services/index/catalog/records.h"
#include "services/index/catalog/shelf.h"
#include "services/index/store/book_table.h"

namespace arkshare {

// Returns the book of a statement that says that it is present. Its keys stay in the statement.
inline BookToAdd BookOf(const StatementRecord& present) {
  return {present.present->name.value(), &present.present->content, &present.keys};
}

// present(shelf, listing) and gone(shelf, number). Gone is final, so the order in which statements
// arrive does not matter. Pure: no lock, no events. Not thread-safe.
//
// The books of all peers together take at most `max_bytes` of memory. In the last quarter of that,
// a peer gets a small part, so that one peer with very many books cannot shut out the others. The
// books of closed shelves, which are still to be removed, count little, so that a large peer can
// come back at once.
class Holdings {
 public:
  // Partial books get the room that whole ones leave.
  explicit Holdings(uint64_t max_books_per_peer,
                    uint64_t max_bytes = std::numeric_limits<uint64_t>::max())
      : max_books_per_peer_(max_books_per_peer), max_bytes_(max_bytes) {}

  // Whole books.
  const BookTable& books() const { return books_; }
  // Partial books, without words: no search by keywords finds them.
  const BookTable& parts() const { return parts_; }

  // Returns about how much memory is in use, in bytes.
  uint64_t bytes() const;
  // Returns how many books of common size a new shelf could have, at least 1.
  uint64_t RoomInBooks() const;

  // LIMIT_EXCEEDED when the statement would add one whole book too many, of its peer or of all.
  // `more` whole books are about to be added before it.
  absl::Status CheckRoom(const Shelf& shelf, const StatementRecord& statement,
                         size_t more = 0) const;
  // INVALID_FIELD when the statement's number already belongs to another book.
  absl::Status CheckNumber(const Shelf& shelf, const StatementRecord& statement) const;
  static absl::Status NumberUsedTwice(uint64_t number);
  // LIMIT_EXCEEDED when the numbers that are gone take more ranges than a peer may have books.
  absl::Status CheckGone(const Shelf& shelf) const;

  // Adds the statement's book, if its number is neither gone nor there, and returns whether a whole
  // book was added. `book` is made of the statement, whose keys must stay until AddWords.
  enum class Limits { kHeld, kIgnored };  // for partial books; CheckRoom is for whole ones
  bool Present(Shelf& shelf, const StatementRecord& statement, const BookToAdd& book,
               Limits limits = Limits::kHeld);
  // Marks the number as gone and removes its book. Returns the book if it was a whole one.
  std::optional<BookListing> Gone(Shelf& shelf, uint64_t number);
  // Marks all numbers of the range as gone. Requires that no book has one of them.
  void MarkGone(Shelf& shelf, NumberRange range);
  // Marks the number as gone, if it is that of a book or there is room to remember it.
  std::optional<BookListing> GoneIfRoom(Shelf& shelf, uint64_t number);
  // Closes the shelf. RemoveSome removes its books later.
  void Close(Shelf& shelf);
  // Removes up to `most` of what a closed shelf has: whole books, then partial ones, then ranges of
  // numbers that are gone.
  void RemoveSome(Shelf& shelf, size_t most);
  // Returns whether RemoveSome has removed everything.
  static bool IsEmpty(const Shelf& shelf) { return shelf.size() == 0 && shelf.gone.empty(); }
  // Returns the numbers that are gone, and removes them from the shelf.
  NumberSet TakeGone(Shelf& shelf);

  // Fetches into the cache what Present reads for these whole books.
  void Prefetch(absl::Span<const BookToAdd> books) const { books_.Prefetch(books); }
  // Makes the words of what was added since the last call lead to it.
  void AddWords() { books_.AddWords(); }

  BookListing ListingOf(EditionId edition, uint64_t number) const;
  // Returns the shelf's book with this number, whole or partial.
  std::optional<BookListing> FindListing(const Shelf& shelf, uint64_t number) const;
  // Puts some more whole books of the shelf in order of name, until shelf.by_name is complete.
  void OrderSome(Shelf& shelf) const;

 private:
  void Remove(Shelf& shelf, uint64_t number);
  // Counts a book with a name of this many bytes, or stops counting it.
  void Charge(Shelf& shelf, size_t name_bytes);
  void Refund(Shelf& shelf, size_t name_bytes);
  // Returns the bytes in use, without most of those of closed shelves.
  uint64_t BytesThatCount() const;
  // Returns whether the memory for books is used up for this shelf.
  bool IsFullFor(const Shelf& shelf) const;

  const uint64_t max_books_per_peer_;
  const uint64_t max_bytes_;
  uint64_t book_count_ = 0;     // on all shelves, partial ones too
  uint64_t gone_ranges_ = 0;    // of all shelves
  uint64_t leaving_bytes_ = 0;  // Shelf::bytes of closed shelves
  BookTable books_;
  BookTable parts_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_HOLDINGS_H_
