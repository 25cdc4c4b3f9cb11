// Generates the books of many peers, the same ones on every machine.
#ifndef ARKSHARE_BENCH_BOOK_GENERATOR_H_
#define ARKSHARE_BENCH_BOOK_GENERATOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "services/index/catalog/catalog.h"
#include "services/index/catalog/records.h"

namespace arkshare::bench {

// Names look like those of shared files (music, pictures, books, films): about 30 bytes, words as
// frequent as in a language (Zipf), one in eight with a number that no other name has, each with an
// extension. Popularity falls with the 0.6th power of a book's rank.
class BookGenerator {
 public:
  struct Options {
    uint32_t names = 1'000'000;
    uint32_t holders = 10;  // of a name, on average
    uint32_t peers = 1'000;
  };
  explicit BookGenerator(const Options& options);

  const std::vector<std::string>& names() const { return names_; }
  uint32_t peers() const { return static_cast<uint32_t>(books_of_.size()); }
  uint64_t holdings() const { return holdings_; }
  PeerInfo Peer(uint32_t peer) const;
  size_t BooksOf(uint32_t peer) const { return books_of_[peer].size(); }
  // Returns some of the peer's statements; listing numbers begin at 1.
  std::vector<StatementRecord> Page(uint32_t peer, size_t first, size_t count) const;

  // Announces all books, a page of each peer in turn. They stay while the shelves are kept.
  std::vector<Catalog::ShelfPtr> Fill(Catalog& catalog) const;

 private:
  std::vector<std::string> names_;
  std::vector<std::vector<uint32_t>> books_of_;  // by peer
  uint64_t holdings_ = 0;
};

}  // namespace arkshare::bench

#endif  // ARKSHARE_BENCH_BOOK_GENERATOR_H_
