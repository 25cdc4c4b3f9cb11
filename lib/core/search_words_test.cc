#include "lib/core/search_words.h"

#include <absl/strings/match.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "lib/core/book_name.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::SizeIs;
using testing::UnorderedElementsAre;

std::vector<std::string> WordsOf(absl::string_view name) {
  return absl::StrSplit(NameWords(name), ' ', absl::SkipEmpty());
}

// As the index does: each word of the query begins a word of the name.
bool Finds(absl::string_view query, absl::string_view name) {
  const std::vector<std::string> words = WordsOf(name);
  const std::vector<std::string> wanted = QueryWords(query);
  return !wanted.empty() && std::all_of(wanted.begin(), wanted.end(), [&](const std::string& want) {
    return std::any_of(words.begin(), words.end(),
                       [&](const std::string& word) { return absl::StartsWith(word, want); });
  });
}

TEST(SearchWordsTest, APlainNameHasItsPlainWords) {
  for (const absl::string_view name : {"The Great Gatsby.epub", "war_and_peace", "2001 (1968)",
                                       "Artist - Title.1080p.mkv", "Pictures/IMG_01.jpg"}) {
    EXPECT_FALSE(MayHaveMoreWords(name)) << name;
    EXPECT_EQ(NameWords(name), FoldedText(name));
  }
}

TEST(SearchWordsTest, ApostrophesDoNotMatter) {
  EXPECT_THAT(WordsOf("Don't Panic"), UnorderedElementsAre("don", "t", "panic", "dont"));
  for (const absl::string_view name : {"Don't Panic", "Don\u2019t Panic", "Dont Panic"}) {
    for (const absl::string_view query : {"dont", "don't", "don\u2019t", "don"}) {
      EXPECT_TRUE(Finds(query, name)) << query << " in " << name;
    }
  }
  EXPECT_TRUE(Finds("artagnan", "D'Artagnan"));
  EXPECT_TRUE(Finds("'quoted'", "a 'quoted' word"));
  EXPECT_THAT(WordsOf("a 'quoted' word"), ElementsAre("a", "quoted", "word"));
}

TEST(SearchWordsTest, TwoWordsWithAHyphenAreAlsoOne) {
  EXPECT_TRUE(Finds("wutang", "Wu-Tang Clan"));
  EXPECT_TRUE(Finds("wu-tang", "Wu-Tang Clan"));
  EXPECT_TRUE(Finds("tang", "Wu-Tang Clan"));
  EXPECT_TRUE(Finds("wu-tang", "Wu Tang Clan"));
  // Hyphens between all words are spaces, and numbers are no words.
  EXPECT_THAT(WordsOf("the-great-gatsby"), ElementsAre("the", "great", "gatsby"));
  EXPECT_THAT(WordsOf("01-intro"), ElementsAre("01", "intro"));
}

TEST(SearchWordsTest, AWordThatIsSeveralHasTheLaterOnes) {
  EXPECT_THAT(WordsOf("HarryPotter"), UnorderedElementsAre("harrypotter", "potter"));
  EXPECT_THAT(WordsOf("S01E02 pilot"), UnorderedElementsAre("s01e02", "pilot", "e02"));
  EXPECT_THAT(WordsOf("1080p 2nd"), ElementsAre("1080p", "2nd"));
  EXPECT_THAT(WordsOf("3f2a9cde4b7a1c0d9e8f"), SizeIs(1)) << "the digits of a hash";
}

TEST(SearchWordsTest, ScriptsWithoutSpacesAreFoundWithinWords) {
  EXPECT_THAT(WordsOf("\u4E09\u56FD\u6F14.txt"),
              ElementsAre("\u4E09\u56FD", "\u56FD\u6F14", "\u6F14", "txt"));
  EXPECT_THAT(QueryWords("\u4E09\u56FD\u6F14"), ElementsAre("\u4E09\u56FD", "\u56FD\u6F14"));
  const absl::string_view kNovel = "\u4E09\u56FD\u6F14\u4E49\u7B2C\u4E00\u56DE.txt";
  EXPECT_TRUE(Finds("\u6F14\u4E49", kNovel));
  EXPECT_TRUE(Finds("\u56DE", kNovel));
  EXPECT_FALSE(Finds("\u4E49\u6F14", kNovel)) << "in this order they are not in it";
  EXPECT_TRUE(Finds("\u6559\u79D1\u66F8", "\u65E5\u672C\u8A9E\u306E\u6559\u79D1\u66F8.pdf"));
  EXPECT_TRUE(Finds("\u68EE", "\u30CE\u30EB\u30A6\u30A7\u30A4\u306E\u68EE.txt"));
  EXPECT_TRUE(Finds("\u0E44\u0E17\u0E22", "\u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22.txt"));
  EXPECT_THAT(WordsOf("\u7B2C3\u56DEabc"), ElementsAre("\u7B2C", "3", "\u56DE", "abc"));
}

TEST(SearchWordsTest, ALongQueryWithoutSpacesIsAFewWords) {
  std::string query;
  for (int i = 0; i < 300; ++i) query += i % 2 == 0 ? "\u4E09" : "\u56FD";
  EXPECT_THAT(QueryWords(query), SizeIs(16));
  EXPECT_TRUE(Finds(query, query));
}

TEST(SearchWordsTest, EveryNameIsFoundByItself) {
  for (const absl::string_view name :
       {"Don't Panic.txt", "Wu-Tang Clan", "HarryPotter", "\u4E09\u56FD\u6F14\u4E49", "S01E02",
        "l'\u00C9t\u00E9-2", "\u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22"}) {
    EXPECT_TRUE(Finds(name, name)) << name;
  }
}

TEST(SearchWordsTest, TakesAnyBytes) {
  for (const absl::string_view bytes : {"\xff", "\xe4", "a\xe4\xb8", "'", "-'-", "\xf0\x9f", ""}) {
    NameWords(bytes);
    QueryWords(bytes);
  }
}

}  // namespace
}  // namespace arkshare
