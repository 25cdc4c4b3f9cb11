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

// No other peer has the first book of a peer, so that a search for it shows whether that peer is
// there. The other books are those of BookGenerator, with `holders` holders on average; when that
// is 1, all peers have different books. Thread-safe.
class LoadBooks {
 public:
  LoadBooks(size_t peers, size_t books, size_t holders);

  // Returns `books` statements, numbered from 1.
  std::vector<BookListing> Of(size_t peer) const;
  // Returns the content of a book that no other peer has: the first one, or any if all are
  // different.
  ContentId OwnContent(size_t peer, size_t book) const { return Own(peer, book).content; }

 private:
  BookListing Own(size_t peer, size_t book) const;

  const size_t books_;
  std::optional<bench::BookGenerator> shared_;
};

}  // namespace arkshare

#endif  // ARKSHARE_BENCH_LOAD_BOOKS_H_
