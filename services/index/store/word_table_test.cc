#include "services/index/store/word_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<uint32_t> TitlesOf(const WordTable& table, absl::string_view word) {
  std::vector<uint32_t> titles;
  for (PostingCursor cursor(table.Find(word)); !cursor.done(); cursor.Next()) {
    titles.push_back(cursor.id());
  }
  return titles;
}

std::vector<std::string> WordsFrom(const WordTable& table, absl::string_view prefix,
                                   absl::string_view from = "") {
  std::vector<std::string> words;
  table.VisitPrefix(prefix, from, [&](absl::string_view word, const Postings& postings) {
    words.push_back(std::string(word) + " " + std::to_string(postings.size));
    return true;
  });
  return words;
}

void Add(WordTable& table, uint32_t title, const std::vector<absl::string_view>& words) {
  std::vector<WordOfTitle> added;
  for (const absl::string_view word : words) added.push_back({word, title});
  table.Add(added);
}

TEST(WordTableTest, FindsTitlesByWordAndByPrefix) {
  BlockPool pool;
  WordTable table(&pool);
  Add(table, 3, {"moby", "dick"});
  Add(table, 1, {"mobile", "phones"});
  Add(table, 2, {"moby"});
  EXPECT_THAT(TitlesOf(table, "moby"), ElementsAre(2, 3));
  EXPECT_THAT(TitlesOf(table, "mobile"), ElementsAre(1));
  EXPECT_THAT(TitlesOf(table, "mob"), IsEmpty());
  EXPECT_THAT(WordsFrom(table, "mob"), ElementsAre("mobile 1", "moby 2"));
  EXPECT_THAT(WordsFrom(table, "mob", "mobj"), ElementsAre("moby 2"));
  EXPECT_THAT(WordsFrom(table, "moby"), ElementsAre("moby 2"));
  EXPECT_THAT(WordsFrom(table, "x"), IsEmpty());
}

TEST(WordTableTest, WordsGoWithTheirLastTitle) {
  BlockPool pool;
  WordTable table(&pool);
  Add(table, 1, {"a", "b"});
  Add(table, 2, {"a"});
  Add(table, 3, {"a"});
  table.Remove(2, {"a"});
  EXPECT_THAT(TitlesOf(table, "a"), ElementsAre(1, 3));
  table.Remove(1, {"a", "b"});
  EXPECT_THAT(TitlesOf(table, "a"), ElementsAre(3));
  EXPECT_THAT(TitlesOf(table, "b"), IsEmpty());
  EXPECT_THAT(WordsFrom(table, ""), ElementsAre("a 1"));
  Add(table, 4, {"a"});
  EXPECT_THAT(TitlesOf(table, "a"), ElementsAre(3, 4));
  table.Remove(3, {"a"});
  table.Remove(4, {"a"});
  EXPECT_EQ(table.word_count(), 0u);
}

TEST(WordTableTest, WordsOfManyTitlesAreAddedTogether) {
  BlockPool pool;
  WordTable table(&pool);
  std::vector<std::string> numbers;
  for (int i = 0; i < 500; ++i) numbers.push_back("number " + std::to_string(i));
  std::vector<WordOfTitle> words;
  for (uint32_t title = 0; title < 500; ++title) {
    words.push_back({"all", title});
    words.push_back({numbers[title], title});
    words.push_back({title % 2 == 0 ? "even" : "odd", title});
  }
  table.Add(words);
  EXPECT_EQ(table.word_count(), 503u);
  EXPECT_EQ(TitlesOf(table, "all").size(), 500u);
  EXPECT_EQ(TitlesOf(table, "odd").size(), 250u);
  EXPECT_THAT(TitlesOf(table, "number 499"), ElementsAre(499));
}

// The ordered entries hold only eight bytes of each word.
TEST(WordTableTest, WordsAreInOrderOfAllTheirBytes) {
  BlockPool pool;
  WordTable table(&pool);
  const std::vector<absl::string_view> words = {"12345678",
                                                "1234567",
                                                "123456789",
                                                "123456780",
                                                "1234567890",
                                                "12345679",
                                                "\xC3\xA9"
                                                "t",
                                                "z"};
  Add(table, 1, words);
  EXPECT_THAT(WordsFrom(table, ""), ElementsAre("1234567 1", "12345678 1", "123456780 1",
                                                "123456789 1", "1234567890 1", "12345679 1", "z 1",
                                                "\xC3\xA9"
                                                "t 1"));
  EXPECT_THAT(WordsFrom(table, "123456789"), ElementsAre("123456789 1", "1234567890 1"));
  EXPECT_THAT(WordsFrom(table, "12345678", "123456785"),
              ElementsAre("123456789 1", "1234567890 1"));
  table.Remove(1, words);
  EXPECT_EQ(table.word_count(), 0u);
}

}  // namespace
}  // namespace arkshare
