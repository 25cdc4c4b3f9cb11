#include "services/index/catalog/holdings.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

// Books that OrderSome puts in order in one call.
constexpr size_t kOrderSlice = 200;
// A book takes this on its shelf, and so does a range of numbers that are gone: entries of B-trees.
constexpr uint64_t kBytesOnShelf = 24;
constexpr uint64_t kBytesOfRange = 24;

// A book in this estimate takes this much, and each byte of its name as much as its place in the
// name, in the words and in their order.
constexpr uint64_t kBytesOfBook = 64;
constexpr uint64_t kBytesOfNameByte = 4;
// A book with a name of 48 bytes.
constexpr uint64_t kBytesOfCommonBook = 256;
// In the last quarter of the memory, a peer gets 1/256 of it all.
constexpr uint64_t kReserve = 4;
constexpr uint64_t kShareOfReserve = 256;

}  // namespace

uint64_t Holdings::bytes() const {
  return books_.bytes() + parts_.bytes() + book_count_ * kBytesOnShelf +
         gone_ranges_ * kBytesOfRange;
}

uint64_t Holdings::BytesThatCount() const {
  const uint64_t used = bytes();
  return used - std::min({used, leaving_bytes_, max_bytes_ / kReserve});
}

bool Holdings::IsFullFor(const Shelf& shelf) const {
  const uint64_t used = BytesThatCount();
  return used >= max_bytes_ || (used >= max_bytes_ - max_bytes_ / kReserve &&
                                shelf.bytes >= max_bytes_ / kShareOfReserve);
}

uint64_t Holdings::RoomInBooks() const {
  const uint64_t used = BytesThatCount();
  const uint64_t open = max_bytes_ - max_bytes_ / kReserve;
  const uint64_t share = max_bytes_ / kShareOfReserve;
  uint64_t room = 0;
  if (used < open) {
    room = open - used + share;
  } else if (used < max_bytes_) {
    room = std::min(share, max_bytes_ - used);
  }
  return std::clamp<uint64_t>(room / kBytesOfCommonBook, 1, max_books_per_peer_);
}

void Holdings::Charge(Shelf& shelf, size_t name_bytes) {
  ++book_count_;
  shelf.bytes += kBytesOfBook + kBytesOfNameByte * name_bytes;
}

void Holdings::Refund(Shelf& shelf, size_t name_bytes) {
  --book_count_;
  shelf.bytes -= kBytesOfBook + kBytesOfNameByte * name_bytes;
  if (shelf.closed) leaving_bytes_ -= kBytesOfBook + kBytesOfNameByte * name_bytes;
}

absl::Status Holdings::CheckRoom(const Shelf& shelf, const StatementRecord& statement,
                                 size_t more) const {
  const bool full = IsFullFor(shelf);
  if ((shelf.by_number.size() + more < max_books_per_peer_ && !full) ||
      statement.present->partial || shelf.Has(statement.number) || shelf.IsGone(statement.number)) {
    return absl::OkStatus();
  }
  if (full) {
    return MakeError(Reason::kLimitExceeded,
                     "this index has no memory for more of your books: share fewer, or ask its "
                     "operator for a larger --max-memory");
  }
  return MakeError(Reason::kLimitExceeded,
                   absl::StrCat("this index lists at most ", max_books_per_peer_,
                                " books of one peer: share fewer, or ask its operator for more"));
}

absl::Status Holdings::CheckNumber(const Shelf& shelf, const StatementRecord& statement) const {
  if (!shelf.Has(statement.number)) return absl::OkStatus();
  if (FindListing(shelf, statement.number) == statement.present) return absl::OkStatus();
  return NumberUsedTwice(statement.number);
}

absl::Status Holdings::NumberUsedTwice(uint64_t number) {
  return MakeError(Reason::kInvalidField,
                   absl::StrCat("listing_number ", number,
                                " already belongs to another book: never use a number twice"));
}

absl::Status Holdings::CheckGone(const Shelf& shelf) const {
  if (shelf.gone.range_count() <= max_books_per_peer_ && bytes() < max_bytes_) {
    return absl::OkStatus();
  }
  return MakeError(Reason::kLimitExceeded,
                   "too many listing numbers are gone that never were in sequence");
}

bool Holdings::Present(Shelf& shelf, const StatementRecord& statement, const BookToAdd& book,
                       Limits limits) {
  const uint64_t number = statement.number;
  if (shelf.closed || shelf.IsGone(number) || shelf.Has(number)) return false;
  if (statement.present->partial) {
    // A partial book only helps other peers. No error: its peer must not lose its stream over it.
    if (limits == Limits::kHeld && (shelf.size() >= max_books_per_peer_ || IsFullFor(shelf))) {
      return false;
    }
    Charge(shelf, book.name.size());
    BookToAdd part = book;
    part.by_words = false;
    shelf.parts[number] = parts_.Add(part, {shelf.slot, number});
    return false;
  }
  Charge(shelf, book.name.size());
  const EditionId edition = books_.Add(book, {shelf.slot, number});
  shelf.by_number.insert(shelf.by_number.end(), {number, edition});
  if (shelf.by_name.has_value() && number <= shelf.by_name->through()) {
    shelf.by_name->Insert(edition, number);
  }
  return true;
}

std::optional<BookListing> Holdings::Gone(Shelf& shelf, uint64_t number) {
  if (shelf.closed) return std::nullopt;
  gone_ranges_ -= shelf.gone.range_count();
  shelf.gone.Insert(number);
  gone_ranges_ += shelf.gone.range_count();
  std::optional<BookListing> removed;
  if (const auto known = shelf.by_number.find(number); known != shelf.by_number.end()) {
    removed = ListingOf(known->second, number);
  }
  Remove(shelf, number);
  return removed;
}

void Holdings::MarkGone(Shelf& shelf, NumberRange range) {
  if (shelf.closed) return;
  gone_ranges_ -= shelf.gone.range_count();
  shelf.gone.Insert(range);
  gone_ranges_ += shelf.gone.range_count();
}

std::optional<BookListing> Holdings::GoneIfRoom(Shelf& shelf, uint64_t number) {
  if (!shelf.Has(number) && !CheckGone(shelf).ok()) return std::nullopt;
  return Gone(shelf, number);
}

void Holdings::Close(Shelf& shelf) {
  shelf.closed = true;
  leaving_bytes_ += shelf.bytes;
}

void Holdings::RemoveSome(Shelf& shelf, size_t most) {
  for (; most > 0 && shelf.size() > 0; --most) {
    Remove(shelf,
           shelf.by_number.empty() ? shelf.parts.begin()->first : shelf.by_number.begin()->first);
  }
  gone_ranges_ -= shelf.gone.range_count();
  shelf.gone.RemoveRanges(most);
  gone_ranges_ += shelf.gone.range_count();
}

NumberSet Holdings::TakeGone(Shelf& shelf) {
  gone_ranges_ -= shelf.gone.range_count();
  return std::exchange(shelf.gone, NumberSet());
}

void Holdings::Remove(Shelf& shelf, uint64_t number) {
  if (const auto part = shelf.parts.find(number); part != shelf.parts.end()) {
    Refund(shelf, parts_.NameOf(part->second).size());
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
  Refund(shelf, books_.NameOf(edition).size());
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
