#include "services/index/catalog/holdings.h"

#include <absl/strings/str_cat.h>

#include <limits>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

// Books that OrderSome puts in order in one call.
constexpr size_t kOrderSlice = 200;

}  // namespace

absl::Status Holdings::CheckRoom(const Shelf& shelf, const StatementRecord& statement) const {
  if (shelf.by_number.size() < max_books_per_peer_ || statement.present->partial ||
      shelf.Has(statement.number) || shelf.IsGone(statement.number)) {
    return absl::OkStatus();
  }
  return MakeError(Reason::kLimitExceeded,
                   absl::StrCat("this index lists at most ", max_books_per_peer_,
                                " books of one peer: share fewer, or ask its operator for more"));
}

absl::Status Holdings::CheckNumber(const Shelf& shelf, const StatementRecord& statement) const {
  if (!shelf.Has(statement.number)) return absl::OkStatus();
  if (FindListing(shelf, statement.number) == statement.present) return absl::OkStatus();
  return MakeError(Reason::kInvalidField,
                   absl::StrCat("listing_number ", statement.number,
                                " already belongs to another book: never use a number twice"));
}

absl::Status Holdings::CheckGone(const Shelf& shelf) const {
  if (shelf.gone.range_count() <= max_books_per_peer_) return absl::OkStatus();
  return MakeError(Reason::kLimitExceeded,
                   "too many listing numbers are gone that never were in sequence");
}

bool Holdings::Present(Shelf& shelf, const StatementRecord& statement, const BookToAdd& book) {
  const uint64_t number = statement.number;
  if (shelf.closed || shelf.IsGone(number) || shelf.Has(number)) return false;
  if (statement.present->partial) {
    // A partial book only helps other peers. No error: its peer must not lose its stream over it.
    if (shelf.size() >= max_books_per_peer_) return false;
    BookToAdd part = book;
    part.by_words = false;
    shelf.parts[number] = parts_.Add(part, {shelf.slot, number});
    return false;
  }
  const EditionId edition = books_.Add(book, {shelf.slot, number});
  shelf.by_number.insert(shelf.by_number.end(), {number, edition});
  if (shelf.by_name.has_value() && number <= shelf.by_name->through()) {
    shelf.by_name->Insert(edition, number);
  }
  return true;
}

std::optional<BookListing> Holdings::Gone(Shelf& shelf, uint64_t number) {
  if (shelf.closed) return std::nullopt;
  shelf.gone.Insert(number);
  std::optional<BookListing> removed;
  if (const auto known = shelf.by_number.find(number); known != shelf.by_number.end()) {
    removed = ListingOf(known->second, number);
  }
  Remove(shelf, number);
  return removed;
}

void Holdings::RemoveOne(Shelf& shelf) {
  Remove(shelf,
         shelf.by_number.empty() ? shelf.parts.begin()->first : shelf.by_number.begin()->first);
}

void Holdings::Remove(Shelf& shelf, uint64_t number) {
  if (const auto part = shelf.parts.find(number); part != shelf.parts.end()) {
    parts_.Remove(part->second, {shelf.slot, number});
    shelf.parts.erase(part);
    return;
  }
  const auto known = shelf.by_number.find(number);
  if (known == shelf.by_number.end()) return;
  const EditionId edition = known->second;
  if (shelf.by_name.has_value() && number <= shelf.by_name->through()) {
    shelf.by_name->Erase(edition, number);
  }
  shelf.by_number.erase(known);
  books_.Remove(edition, {shelf.slot, number});
}

BookListing Holdings::ListingOf(EditionId edition, uint64_t number) const {
  // The name was valid when the book was added, so it is valid now.
  return {number, BookName::Parse(books_.NameOf(edition)).value(), books_.ContentOf(edition)};
}

std::optional<BookListing> Holdings::FindListing(const Shelf& shelf, uint64_t number) const {
  if (const auto whole = shelf.by_number.find(number); whole != shelf.by_number.end()) {
    return ListingOf(whole->second, number);
  }
  const auto part = shelf.parts.find(number);
  if (part == shelf.parts.end()) return std::nullopt;
  return BookListing{number, BookName::Parse(parts_.NameOf(part->second)).value(),
                     parts_.ContentOf(part->second), /*partial=*/true};
}

void Holdings::OrderSome(Shelf& shelf) const {
  if (!shelf.by_name.has_value()) shelf.by_name.emplace(&books_);
  NameOrder& order = *shelf.by_name;
  auto next = shelf.by_number.upper_bound(order.through());
  for (size_t i = 0; i < kOrderSlice && next != shelf.by_number.end(); ++i, ++next) {
    order.Insert(next->second, next->first);
    order.set_through(next->first);
  }
  if (next == shelf.by_number.end()) order.set_through(std::numeric_limits<uint64_t>::max());
}

}  // namespace arkshare
