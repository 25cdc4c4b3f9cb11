#include "services/index/search/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/core/errors.h"
#include "lib/rpc/convert.h"

namespace arkshare {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;
using testing::UnorderedElementsAreArray;

v1::SearchRequest ByKeywords(const std::string& text) {
  v1::SearchRequest request;
  request.set_keywords(text);
  return request;
}

bool Matches(const BookQuery& query, const std::string& name, const ContentId& content = {}) {
  const std::vector<std::string> words = FoldedWords(name);
  const std::vector<absl::string_view> views(words.begin(), words.end());
  return query.Matches(*BookName::Parse(name), content, views);
}

TEST(QueryTest, KeywordsArePrefixesWithoutCaseAndAccents) {
  const BookQuery query = *BookQuery::Parse(ByKeywords("MOBY dic"));
  EXPECT_TRUE(Matches(query, "melville/Moby Dick.epub"));
  EXPECT_TRUE(Matches(query, "dictionary of móby.txt"));
  EXPECT_FALSE(Matches(query, "Moby.txt"));
  EXPECT_FALSE(Matches(query, "xmoby dick"));
}

TEST(QueryTest, WholeWordsAndShortNamesFitBetter) {
  const Keywords keywords = std::get<Keywords>(BookQuery::Parse(ByKeywords("moby dick"))->what());
  const auto fit = [&](std::vector<absl::string_view> words) { return FitOf(keywords, words); };
  EXPECT_EQ(fit({"moby"}), std::nullopt);
  EXPECT_LT(*fit({"moby", "dick", "epub", "2"}), *fit({"moby", "dickens"}));
  EXPECT_LT(*fit({"moby", "dick"}), *fit({"moby", "dick", "epub"}));
}

TEST(QueryTest, EachWordOfANameCountsOnce) {
  EXPECT_THAT(DistinctWords(""), IsEmpty());
  EXPECT_THAT(DistinctWords("b a b"), UnorderedElementsAre("a", "b"));
  std::string folded;
  std::vector<std::string> words;
  for (int i = 0; i < 40; ++i) {
    words.push_back("w" + std::to_string(i % 20));
    folded += (i == 0 ? "" : " ") + words.back();
  }
  words.resize(20);
  EXPECT_THAT(DistinctWords(folded), UnorderedElementsAreArray(words));
}

TEST(QueryTest, NameAndContentMatchExactly) {
  v1::SearchRequest request;
  request.set_name("a/b");
  const BookQuery by_name = *BookQuery::Parse(request);
  EXPECT_TRUE(Matches(by_name, "a/b"));
  EXPECT_FALSE(Matches(by_name, "a/B"));
  ContentId content;
  content.size = 7;
  *request.mutable_content() = ToProto(content);
  const BookQuery by_content = *BookQuery::Parse(request);
  EXPECT_TRUE(Matches(by_content, "x", content));
  content.size = 8;
  EXPECT_FALSE(Matches(by_content, "x", content));
}

TEST(QueryTest, BadQueriesSayWhy) {
  EXPECT_EQ(GetReason(BookQuery::Parse(v1::SearchRequest()).status()), Reason::kQueryEmpty);
  EXPECT_EQ(GetReason(BookQuery::Parse(ByKeywords("")).status()), Reason::kQueryEmpty);
  EXPECT_EQ(GetReason(BookQuery::Parse(ByKeywords(" -- ")).status()), Reason::kQueryEmpty);
  std::string many;
  for (int i = 0; i < 40; ++i) many += " w" + std::to_string(i);
  EXPECT_EQ(GetReason(BookQuery::Parse(ByKeywords(many)).status()), Reason::kInvalidField);
  v1::SearchRequest request;
  request.set_name("../x");
  EXPECT_EQ(GetReason(BookQuery::Parse(request).status()), Reason::kInvalidName);
  request.mutable_content()->set_root("short");
  EXPECT_EQ(GetReason(BookQuery::Parse(request).status()), Reason::kInvalidField);
  EXPECT_FALSE(BookQuery::Parse(v1::WatchRequest())->has_value());
}

TEST(QueryTest, TheSameQueryHasTheSameFingerprint) {
  EXPECT_EQ(BookQuery::Parse(ByKeywords("b A"))->Fingerprint(),
            BookQuery::Parse(ByKeywords("a B b"))->Fingerprint());
  EXPECT_NE(BookQuery::Parse(ByKeywords("a"))->Fingerprint(),
            BookQuery::Parse(ByKeywords("b"))->Fingerprint());
}

}  // namespace
}  // namespace arkshare
