#include "services/index/store/book_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

EditionId Add(BookTable& table, const std::string& name, uint64_t content, uint64_t number) {
  const BookName book_name = BookName::Parse(name).value();
  const ContentId content_id = TestContent(content);
  const BookKeys keys(book_name, content_id);
  const EditionId edition = table.Add({book_name.value(), &content_id, &keys}, {0, number});
  table.AddWords();
  return edition;
}

std::vector<uint64_t> NumbersOf(const BookTable& table, EditionId edition) {
  std::vector<uint64_t> numbers;
  for (const Copy& copy : table.CopiesOf(edition)) {
    if (!copy.gone()) numbers.push_back(copy.number());
  }
  return numbers;
}

std::vector<std::string> NamesOfContent(const BookTable& table, uint64_t content,
                                        const std::string& after = "") {
  std::vector<std::string> names;
  const absl::string_view behind = after;
  table.VisitContent(TestContent(content), &behind, [&](EditionId edition) {
    names.emplace_back(table.NameOf(edition));
    return true;
  });
  return names;
}

std::vector<uint64_t> ContentsOfName(const BookTable& table, const std::string& name) {
  std::vector<uint64_t> contents;
  table.VisitName(name, nullptr, [&](EditionId edition) {
    contents.push_back(table.ContentOf(edition).size);
    return true;
  });
  return contents;
}

TEST(BookTableTest, CountsTheBytesOfWhatIsThere) {
  BookTable table;
  EXPECT_EQ(table.bytes(), 0u);
  std::vector<EditionId> editions;
  for (uint64_t n = 0; n < 1000; ++n) {
    // Texts of every length up to those that are too long for the pool's chunks.
    std::string name = "shared word" + std::to_string(n);
    for (uint64_t i = 0; i < n % 900; ++i) name += i % 100 == 50 && i + 1 < n % 900 ? '/' : 'x';
    editions.push_back(Add(table, name, n % 100, n));
  }
  EXPECT_GT(table.bytes(), 1000u * 450);
  EXPECT_LT(table.bytes(), 1000u * 5000);
  for (uint64_t n = 0; n < 1000; ++n) table.Remove(editions[n], {0, n});
  EXPECT_EQ(table.bytes(), 0u);
}

TEST(BookTableTest, FindsByNameAndContentInOrder) {
  BookTable table;
  Add(table, "b", 1, 1);
  Add(table, "a", 2, 3);
  Add(table, "a", 1, 2);
  Add(table, "c", 1, 4);
  EXPECT_THAT(ContentsOfName(table, "a"), ElementsAre(1, 2));
  EXPECT_THAT(ContentsOfName(table, "d"), IsEmpty());
  EXPECT_THAT(NamesOfContent(table, 1), ElementsAre("a", "b", "c"));
  EXPECT_THAT(NamesOfContent(table, 1, "a"), ElementsAre("b", "c"));
  EXPECT_THAT(NamesOfContent(table, 2, "a"), IsEmpty());
  EXPECT_THAT(NamesOfContent(table, 3), IsEmpty());
  ASSERT_TRUE(table.FindEdition("a", TestContent(2)).has_value());
  EXPECT_THAT(NumbersOf(table, *table.FindEdition("a", TestContent(2))), ElementsAre(3));
  EXPECT_EQ(table.FindEdition("b", TestContent(2)), std::nullopt);
  EXPECT_EQ(table.FindEdition("a", TestContent(3)), std::nullopt);
  EXPECT_EQ(table.FindEdition("d", TestContent(2)), std::nullopt);
}

TEST(BookTableTest, CopiesOfAnEditionAreTogether) {
  BookTable table;
  const uint64_t large = uint64_t{1} << 40;
  const EditionId first = Add(table, "a", 1, large);
  EXPECT_EQ(Add(table, "a", 1, 2), first);
  EXPECT_THAT(NumbersOf(table, first), UnorderedElementsAre(large, 2));
  table.Remove(first, {0, 2});
  table.Remove(first, {1, large});
  EXPECT_THAT(NumbersOf(table, first), ElementsAre(large))
      << "the other copy belongs to another shelf";
}

TEST(BookTableTest, PopularityIsTheBitWidthOfTheMostCopies) {
  BookTable table;
  const auto popularity = [&] {
    Postings postings = table.words().Find("a");
    return -table.StandingOf(PostingCursor(postings).id()).unpopularity();
  };
  const EditionId edition = Add(table, "a", 1, 1);
  EXPECT_EQ(popularity(), 1);
  for (uint64_t n = 2; n <= 8; ++n) Add(table, "a", 1, n);
  EXPECT_EQ(popularity(), 4);
  table.Remove(edition, {0, 3});
  EXPECT_EQ(popularity(), 3);
}

TEST(BookTableTest, TitlesAreNumberedByTheirLength) {
  BookTable table;
  Add(table, "b x x y", 1, 1);
  Add(table, "x", 1, 2);
  Add(table, "a b c d e f g h i j k l m n o p q x", 1, 3);
  Add(table, "x z", 1, 4);
  std::vector<std::string> names;
  for (PostingCursor x(table.words().Find("x")); !x.done(); x.Next()) {
    names.emplace_back(table.TextOf(x.id()));
  }
  EXPECT_THAT(names, ElementsAre("x", "x z", "b x x y", "a b c d e f g h i j k l m n o p q x"));
}

// Compares with a plain map, with few names and contents, so that everything is shared in every
// way.
TEST(BookTableTest, AgreesWithAMapWhateverIsAddedAndRemoved) {
  BookTable table;
  std::mt19937 random(7);
  using Key = std::pair<std::string, uint64_t>;
  std::map<Key, std::vector<uint64_t>> expected;
  uint64_t next_number = 1;
  for (int round = 0; round < 3; ++round) {
    for (int step = 0; step < 6000; ++step) {
      const Key key(
          "book " + std::to_string(random() % 40) + " part" + std::to_string(random() % 4),
          random() % 30);
      std::vector<uint64_t>& numbers = expected[key];
      // Some editions have many copies, so that arrays of every size come and go.
      if (random() % 5 < 3 || numbers.empty()) {
        Add(table, key.first, key.second, next_number);
        numbers.push_back(next_number++);
      } else {
        const size_t at = random() % numbers.size();
        table.Remove(*table.FindEdition(key.first, TestContent(key.second)), {0, numbers[at]});
        numbers.erase(numbers.begin() + static_cast<ptrdiff_t>(at));
      }
      if (step % 500 != 0) continue;
      for (const auto& [wanted, copies] : expected) {
        const auto edition = table.FindEdition(wanted.first, TestContent(wanted.second));
        ASSERT_EQ(edition.has_value(), !copies.empty());
        if (!edition.has_value()) continue;
        EXPECT_THAT(NumbersOf(table, *edition), testing::UnorderedElementsAreArray(copies));
        EXPECT_EQ(table.NameOf(*edition), wanted.first);
        EXPECT_THAT(ContentsOfName(table, wanted.first), testing::Contains(wanted.second));
        EXPECT_THAT(NamesOfContent(table, wanted.second), testing::Contains(wanted.first));
      }
    }
    for (auto& [key, numbers] : expected) {
      std::shuffle(numbers.begin(), numbers.end(), random);
      for (const uint64_t number : numbers) {
        table.Remove(*table.FindEdition(key.first, TestContent(key.second)), {0, number});
      }
      numbers.clear();
    }
    EXPECT_EQ(table.title_count(), 0u);
    EXPECT_EQ(table.word_count(), 0u);
    EXPECT_THAT(NamesOfContent(table, 1), IsEmpty());
  }
}

}  // namespace
}  // namespace arkshare
