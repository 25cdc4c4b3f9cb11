#include "services/index/catalog/watch_filters.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

CatalogEvent Listed(const std::string& name, uint64_t content) {
  CatalogEvent event;
  event.kind = CatalogEvent::Kind::kBookListed;
  event.book = BookEvent{1, TestListing(1, name, content)};
  return event;
}

// Watchers of all kinds come and go, and each event is for those that want it, as EventQueue says.
TEST(WatchFiltersTest, FindThoseThatWantAnEventWhoeverElseWatches) {
  std::mt19937 random(5);
  const auto word = [&] {
    const char* const words[] = {"a", "al", "alp", "alpha", "be", "beta", "gamma", "g", "zz"};
    return std::string(words[random() % std::size(words)]);
  };
  const auto name = [&] { return word() + " " + word() + (random() % 2 == 0 ? "" : " " + word()); };
  WatchFilters filters;
  std::vector<WatchFilters::QueuePtr> queues;
  size_t visits = 0;
  for (int round = 0; round < 3'000; ++round) {
    if (queues.size() < 60 && random() % 2 == 0) {
      std::optional<BookQuery> filter;
      switch (random() % 4) {
        case 0:
          break;
        case 1:
          filter = BookQuery(BookName::Parse(name()).value());
          break;
        case 2:
          filter = BookQuery(TestContent(random() % 5));
          break;
        default: {
          std::set<std::string> words;
          for (size_t count = 1 + random() % 3; words.size() < count;) words.insert(word());
          filter = BookQuery(Keywords{{words.begin(), words.end()}});
        }
      }
      const WatchParts parts{.books = random() % 16 != 0, .peers = random() % 16 != 0};
      queues.push_back(std::make_shared<EventQueue>(std::move(filter), nullptr, parts));
      filters.Add(queues.back());
    } else if (!queues.empty() && random() % 3 == 0) {
      std::swap(queues[random() % queues.size()], queues.back());
      filters.Remove(queues.back().get());
      filters.Remove(queues.back().get());
      queues.pop_back();
    }
    CatalogEvent event = Listed(name(), random() % 5);
    if (random() % 4 == 0) {
      event.kind = CatalogEvent::Kind::kBookMoved;
      event.old_book = BookEvent{2, TestListing(2, name(), random() % 5)};
    } else if (random() % 10 == 0) {
      event = CatalogEvent();
      event.kind = CatalogEvent::Kind::kPeerGone;
    }
    std::multiset<const EventQueue*> expected;
    for (const auto& queue : queues) {
      if (queue->Wants(event)) expected.insert(queue.get());
    }
    std::multiset<const EventQueue*> visited;
    filters.VisitThoseThatWant(event, [&](const auto& queue) { visited.insert(queue.get()); });
    ASSERT_EQ(visited, expected) << round;
    visits += visited.size();
  }
  EXPECT_GT(visits, 10'000u);
}

}  // namespace
}  // namespace arkshare
