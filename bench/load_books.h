// The books of the peers of a swarm.
#ifndef ARKSHARE_BENCH_LOAD_BOOKS_H_
#define ARKSHARE_BENCH_LOAD_BOOKS_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "bench/book_generator.h"
#include "lib/core/content_id.h"
#include "services/index/catalog/records.h"

namespace arkshare {

// No other peer has the first book of a peer, so a search for it tells whether that peer is there.
// The others are BookGenerator's, which `holders` peers have on the average; or all of them
// different ones, when that is 1. Thread-safe.
class LoadBooks {
 public:
  LoadBooks(size_t peers, size_t books, size_t holders);

  // `books` of them, numbered from 1.
  std::vector<BookListing> Of(size_t peer) const;
  // The content of a book that no other peer has: the first one, or any when all are different.
  ContentId OwnContent(size_t peer, size_t book) const { return Own(peer, book).content; }

 private:
  BookListing Own(size_t peer, size_t book) const;

  const size_t books_;
  std::optional<bench::BookGenerator> shared_;
};

}  // namespace arkshare

#endif  // ARKSHARE_BENCH_LOAD_BOOKS_H_
