#include "bench/load_books.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace arkshare {

LoadBooks::LoadBooks(size_t peers, size_t books, size_t holders) : books_(books) {
  if (holders <= 1 || peers * books < holders) return;
  shared_.emplace(
      bench::BookGenerator::Options{.names = static_cast<uint32_t>(peers * books / holders),
                                    .holders = static_cast<uint32_t>(holders),
                                    .peers = static_cast<uint32_t>(peers)});
}

std::vector<BookListing> LoadBooks::Of(size_t peer) const {
  std::vector<BookListing> listings;
  if (shared_.has_value() && books_ > 1) {
    listings.push_back(Own(peer, 0));
    const auto number = static_cast<uint32_t>(peer);
    for (const StatementRecord& statement : shared_->Page(number, 0, books_ - 1)) {
      listings.push_back(*statement.present);
      listings.back().number = listings.size();
    }
  }
  // The generator gives some peers a few books less.
  while (listings.size() < books_) listings.push_back(Own(peer, listings.size()));
  return listings;
}

BookListing LoadBooks::Own(size_t peer, size_t book) const {
  const uint64_t seed = peer * books_ + book;
  ContentId content;
  content.root.fill(0xA5);
  std::memcpy(content.root.data(), &seed, sizeof(seed));
  content.size = 100'000 + book;
  const std::string name = absl::StrCat("shelf ", peer, "/volume ", book, " of many.epub");
  return {book + 1, BookName::Parse(name).value(), content};
}

}  // namespace arkshare
