// A book that moves is found at every moment.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "services/index/catalog/catalog.h"
#include "services/index/testing/sample_books.h"
#include "services/index/testing/search_values.h"

namespace arkshare {
namespace {

constexpr uint64_t kMoves = 50'000;
constexpr size_t kSearchers = 2;

// Each peer has its own name for the book.
TEST(NoGapTest, EverySearchFindsExactlyOneHolder) {
  Catalog catalog{Catalog::Options()};
  std::vector<Catalog::ShelfPtr> shelves;
  for (uint8_t i = 0; i < 2; ++i) {
    shelves.push_back(catalog.Open(TestPeer(i + 1u, i + 1), /*reachable=*/true));
    catalog.SetStreaming(shelves.back(), true);
  }
  const auto name_of = [](uint64_t place) { return place == 0 ? "mine" : "yours"; };
  const std::vector<StatementRecord> first = {Present(1, name_of(0), 7)};
  ASSERT_TRUE(catalog.Apply(shelves[0], first).status.ok());

  std::atomic<bool> moving = true;
  std::vector<std::thread> searchers;
  for (size_t i = 0; i < kSearchers; ++i) {
    searchers.emplace_back([&] {
      const BookQuery query(TestContent(7));
      while (moving) {
        const SearchPage page = SearchFor(catalog, query, /*loopback=*/false, 50, std::nullopt);
        size_t holders = 0;
        for (const SearchResult& result : page.results) holders += result.holders.size();
        ASSERT_EQ(holders, 1u);
      }
    });
  }
  for (uint64_t move = 1; move <= kMoves; ++move) {
    const uint64_t to = move % 2;
    const std::vector<OwnerChange> change = {
        {TestKey(static_cast<uint8_t>(2 - to)), move, Present(move + 1, name_of(to), 7)}};
    ASSERT_TRUE(catalog.UpdateOwner(shelves[to], change)[0].ok());
  }
  moving = false;
  for (std::thread& searcher : searchers) searcher.join();
}

}  // namespace
}  // namespace arkshare
