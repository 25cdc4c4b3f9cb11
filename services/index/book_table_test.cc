#include "services/index/book_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "services/index/test_books.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

Edition* Add(BookTable& table, const std::string& name, uint64_t content, uint64_t number) {
  return table.Add(BookName::Parse(name).value(), FoldedWords(name), TestContent(content),
                   {nullptr, number});
}

std::multiset<std::string> Scan(const BookTable& table, const std::string& prefix, size_t slice) {
  std::multiset<std::string> names;
  BookTable::ScanPosition position;
  while (!position.done) {
    size_t visits = 0;
    table.ScanPrefix(prefix, slice, position, [&](const Title& title) {
      names.insert(title.name.value());
      ++visits;
    });
    EXPECT_LE(visits, slice);
  }
  return names;
}

TEST(BookTableTest, FindsByNameAndContent) {
  BookTable table;
  Add(table, "b", 1, 1);
  Add(table, "a", 1, 2);
  Add(table, "a", 2, 3);
  ASSERT_NE(table.FindTitle("a"), nullptr);
  EXPECT_EQ(table.FindTitle("a")->editions.size(), 2u);
  EXPECT_EQ(table.FindTitle("c"), nullptr);
  std::vector<std::string> names;
  for (const Edition* edition : *table.FindContent(TestContent(1))) {
    names.push_back(edition->title->name.value());
  }
  EXPECT_THAT(names, ElementsAre("a", "b"));
  EXPECT_EQ(table.FindContent(TestContent(3)), nullptr);
}

TEST(BookTableTest, CopiesOfAnEditionAreTogether) {
  BookTable table;
  Edition* first = Add(table, "a", 1, 1);
  EXPECT_EQ(Add(table, "a", 1, 2), first);
  EXPECT_EQ(first->copies.size(), 2u);
  table.Remove(first, {nullptr, 1});
  ASSERT_EQ(first->copies.size(), 1u);
  EXPECT_EQ(first->copies[0].number, 2u);
}

TEST(BookTableTest, ScansByPrefixInSlices) {
  BookTable table;
  Add(table, "Moby Dick", 1, 1);
  Add(table, "mobile phones", 2, 2);
  Add(table, "móbÿ", 3, 3);
  Add(table, "dick", 4, 4);
  for (size_t slice : {1u, 2u, 100u}) {
    EXPECT_THAT(Scan(table, "mob", slice),
                UnorderedElementsAre("Moby Dick", "mobile phones", "móbÿ"));
    EXPECT_THAT(Scan(table, "moby", slice), UnorderedElementsAre("Moby Dick", "móbÿ"));
    EXPECT_THAT(Scan(table, "d", slice), UnorderedElementsAre("Moby Dick", "dick"));
    EXPECT_THAT(Scan(table, "x", slice), UnorderedElementsAre());
    EXPECT_THAT(Scan(table, "zzz", slice), UnorderedElementsAre());
  }
  EXPECT_EQ(table.EstimatePrefix("mob", 100), 3u);
  EXPECT_EQ(table.EstimatePrefix("x", 100), 0u);
}

TEST(BookTableTest, AScanSurvivesChangesBetweenSlices) {
  BookTable table;
  std::vector<Edition*> editions;
  for (uint64_t n = 0; n < 20; ++n) {
    editions.push_back(Add(table, "word" + std::to_string(n % 5) + " " + std::to_string(n), n, n));
  }
  BookTable::ScanPosition position;
  std::set<std::string> seen;
  const auto visit = [&](const Title& title) { seen.insert(title.name.value()); };
  table.ScanPrefix("word", 7, position, visit);
  // What is removed is not visited; what stays is.
  for (uint64_t n = 0; n < 20; n += 2) table.Remove(editions[n], {nullptr, n});
  while (!position.done) table.ScanPrefix("word", 7, position, visit);
  for (uint64_t n = 1; n < 20; n += 2) {
    EXPECT_TRUE(seen.contains("word" + std::to_string(n % 5) + " " + std::to_string(n))) << n;
  }
}

TEST(BookTableTest, NothingIsLeftWhenEverythingIsRemoved) {
  BookTable table;
  std::mt19937 random(7);
  struct Item {
    Edition* edition;
    uint64_t number;
  };
  std::vector<Item> items;
  for (int round = 0; round < 3; ++round) {
    for (uint64_t n = 0; n < 500; ++n) {
      const std::string name =
          "book " + std::to_string(random() % 40) + " part" + std::to_string(random() % 4);
      items.push_back({Add(table, name, random() % 50, n), n});
    }
    std::shuffle(items.begin(), items.end(), random);
    for (const Item& item : items) table.Remove(item.edition, {nullptr, item.number});
    items.clear();
    EXPECT_EQ(table.title_count(), 0u);
    EXPECT_EQ(table.word_count(), 0u);
    EXPECT_EQ(table.FindContent(TestContent(1)), nullptr);
  }
}

}  // namespace
}  // namespace arkshare
