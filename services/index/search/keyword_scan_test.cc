#include "services/index/search/keyword_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/book_name.h"
#include "lib/core/search_words.h"
#include "services/index/store/book_keys.h"

namespace arkshare {
namespace {

using testing::ElementsAreArray;
using testing::SizeIs;

class KeywordScanTest : public testing::Test {
 protected:
  void Add(const std::string& text) {
    const BookName name = BookName::Parse(text).value();
    names_.push_back(text);
    const ContentId content{{}, names_.size()};
    const BookKeys keys(name, content);
    table_.Add({names_.back(), &content, &keys}, {0, names_.size()});
    table_.AddWords();
  }

  // Finds them by reading all names.
  std::vector<std::string> Expected(const Keywords& keywords, size_t most) const {
    std::vector<SearchKey> all;
    for (const std::string& name : names_) {
      const std::string folded = NameWords(name);
      const std::optional<Fit> fit = FitOf(keywords, DistinctWords(folded));
      if (fit.has_value()) all.push_back({*fit, -1, ShuffleOf(name), name, {}});
    }
    std::sort(all.begin(), all.end());
    std::vector<std::string> names;
    for (const SearchKey& key : all) {
      if (names.size() < most) names.push_back(key.name);
    }
    return names;
  }

  std::vector<std::string> Found(const Keywords& keywords, size_t most, size_t effort) const {
    const std::optional<SearchKey> after;
    BestKeys best(most, after);
    KeywordScan scan(keywords, after);
    const auto offer = [&](TitleId title, const Fit& fit) {
      best.Offer(fit, -1, table_.StandingOf(title).shuffle(), table_.TextOf(title), {});
      return size_t{1};
    };
    while (scan.Step(table_, best, effort, offer)) {
    }
    std::vector<std::string> names;
    for (size_t place = 0; place < best.size(); ++place) names.push_back(best[place].name);
    return names;
  }

  BookTable table_;
  std::deque<std::string> names_;
};

// Thousands of names that one keyword leads to fail to match, so the scan collects the titles of
// another keyword: one with a few words of many titles, one with more titles than names to be read,
// and one with none.
TEST_F(KeywordScanTest, FindsTheFewMatchesAmongManyOtherNames) {
  for (int i = 0; i < 6'000; ++i) {
    const std::string number = std::to_string(i);
    Add("alpha x" + number + (i % 150 == 0 ? " gamma" : i % 200 == 0 ? " tau" + number : " beta"));
    if (i % 2 == 0) Add("gammas and y" + number);
    Add("tau" + number + " tau" + number + "a z");
    if (i % 100 == 7) Add("alphabet tau" + number + " gamut");
  }
  for (const size_t effort : {100u, 1'000u, 20'000u}) {
    for (const size_t most : {10u, 1'000u}) {
      for (const Keywords& keywords :
           {Keywords{{"al", "ga"}}, Keywords{{"al", "ta"}}, Keywords{{"al", "ga", "ta"}},
            Keywords{{"alph", "bet"}}, Keywords{{"al", "no"}}, Keywords{{"gam"}},
            Keywords{{"alpha", "gamma"}}}) {
        EXPECT_THAT(Found(keywords, most, effort), ElementsAreArray(Expected(keywords, most)))
            << testing::PrintToString(keywords.words) << " " << effort << " " << most;
      }
    }
  }
  EXPECT_THAT(Expected(Keywords{{"al", "ga", "ta"}}, 1'000), SizeIs(60));
}

// All names have the word, so the shuffle decides.
TEST_F(KeywordScanTest, FindsTheBestOfEqualNames) {
  // The numbers of very long names are in no order of length.
  const std::string long_tail = " more a b c d e f g h i j k l m n";
  for (int i = 0; i < 200; ++i) {
    Add("common " + std::to_string(i) + long_tail + (i % 2 == 0 ? " o" : ""));
    Add("mornings of " + std::to_string(i) + long_tail + (i % 2 == 0 ? " o p" : ""));
  }
  EXPECT_THAT(Found(Keywords{{"common", "more"}}, 150, 20'000),
              ElementsAreArray(Expected(Keywords{{"common", "more"}}, 150)));
  EXPECT_THAT(Found(Keywords{{"mo"}}, 350, 100), ElementsAreArray(Expected(Keywords{{"mo"}}, 350)));
  for (int i = 0; i < 20'000; ++i) Add("common " + std::to_string(i) + (i % 3 == 0 ? "" : " more"));
  for (const Keywords& keywords : {Keywords{{"common"}}, Keywords{{"common", "more"}},
                                   Keywords{{"comm"}}, Keywords{{"more", "com"}}}) {
    EXPECT_THAT(Found(keywords, 50, 20'000), ElementsAreArray(Expected(keywords, 50)))
        << testing::PrintToString(keywords.words);
  }
}

}  // namespace
}  // namespace arkshare
