#include "services/index/replica/stored_pages.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// A page of one session with this many entries, of which some are still of use.
class StoredPagesTest : public testing::Test {
 protected:
  // The number of the page's only range tells `ChosenOf` how much of it is of use.
  void Add(size_t entries, size_t of_use) {
    StoredPage page;
    page.key = absl::StrCat("page ", pages_.size());
    page.entries = entries;
    page.numbers = {{of_use + 1, of_use + 1}};
    pages_.push_back(page);
    ++sum_.pages[StoredPages::ClassOf(entries)];
    sum_.entries += entries;
    needed_ += of_use;
  }
  // The number of pages in each group.
  std::vector<size_t> Chosen() {
    const auto groups =
        ChoosePages(pages_, sum_, needed_, [](absl::Span<const NumberRange> numbers) {
          return static_cast<size_t>(numbers.front().first - 1);
        });
    EXPECT_TRUE(groups.empty() || MayMerge(sum_, needed_));
    std::vector<size_t> sizes;
    for (const auto& group : groups) sizes.push_back(group.size());
    return sizes;
  }

  std::vector<StoredPage> pages_;
  StoredPages::Sum sum_;
  size_t needed_ = 0;
};

TEST_F(StoredPagesTest, FewPagesAreLeftAsTheyAre) {
  for (int i = 0; i < 32; ++i) Add(1, 1);
  for (int i = 0; i < 32; ++i) Add(100, 100);
  for (int i = 0; i < 200; ++i) Add(1'000, 1'000);
  EXPECT_THAT(Chosen(), IsEmpty());
  EXPECT_FALSE(MayMerge(sum_, needed_));
}

TEST_F(StoredPagesTest, ManySmallPagesBecomeOne) {
  for (int i = 0; i < 33; ++i) Add(1, 1);
  Add(100, 100);
  EXPECT_THAT(Chosen(), ElementsAre(33));
}

TEST_F(StoredPagesTest, AWriteHasFewChanges) {
  for (int i = 0; i < 200; ++i) Add(1, 1);
  EXPECT_THAT(Chosen(), ElementsAre(90, 90, 20));
}

TEST_F(StoredPagesTest, AMergedPageHasAtMostAThousandEntries) {
  for (int i = 0; i < 33; ++i) Add(499, 499);
  std::vector<size_t> pairs(16, 2);
  EXPECT_EQ(Chosen(), pairs) << "the last one has no other";
}

TEST_F(StoredPagesTest, PagesThatAreMostlyOfNoUseAreWrittenAgain) {
  Add(1'000, 990);
  for (int i = 0; i < 5; ++i) Add(1'000, 10);
  EXPECT_THAT(Chosen(), ElementsAre(5));
  // Also one by itself.
  pages_.resize(2);
  sum_.entries = 10'000;
  EXPECT_THAT(Chosen(), ElementsAre(1));
}

TEST_F(StoredPagesTest, PagesThatAreOfUseAreNeverWrittenAgain) {
  Add(1'000, 700);
  sum_.entries = 10'000;
  EXPECT_THAT(Chosen(), IsEmpty());
}

TEST_F(StoredPagesTest, SumsAndPagesAreThoseOfTheSession) {
  StoredPages stored;
  const auto add = [&](uint8_t peer, int64_t epoch, uint64_t count,
                       std::vector<StatementRecord> statements) {
    const std::string key = PageKey(TestKey(peer), epoch, "00ff", count);
    Page page;
    page.through = count;
    page.statements = std::move(statements);
    stored.Add(key, TestKey(peer), epoch);
    EXPECT_FALSE(stored.IsFolded(key));
    stored.SetFolded(key, page);
    EXPECT_TRUE(stored.IsFolded(key));
    return key;
  };
  add(1, 5, 1, {Present(1, "a", 1)});
  const std::string second = add(1, 5, 2, {Present(2, "b", 2), StatementRecord::Gone(3)});
  add(1, 4, 3, {Present(1, "other epoch", 1)});
  add(2, 5, 4, {Present(1, "other peer", 1)});
  stored.Add(PageKey(TestKey(1), 5, "00ff", 9), TestKey(1), 5);
  EXPECT_EQ(stored.SumOf(TestKey(1), 5).entries, 3u);
  EXPECT_EQ(stored.SumOf(TestKey(1), 5).pages[0], 2u);
  const std::vector<StoredPage> pages = stored.Of(TestKey(1), 5);
  ASSERT_THAT(pages, SizeIs(2)) << "one was not folded";
  EXPECT_EQ(pages[1].key, second);
  EXPECT_EQ(pages[1].through, 2u);
  EXPECT_EQ(pages[1].numbers, (std::vector<NumberRange>{{2, 3}}));
  const auto is_five = [](const PublicKey& /*peer*/, int64_t epoch) { return epoch == 5; };
  EXPECT_THAT(stored.Others(10, is_five), SizeIs(1));
  stored.Remove(second);
  stored.RemoveIf(
      [](const std::string& page) { return page == PageKey(TestKey(1), 5, "00ff", 1); });
  EXPECT_EQ(stored.SumOf(TestKey(1), 5).entries, 0u);
  EXPECT_EQ(stored.SumOf(TestKey(2), 5).entries, 1u);
}

}  // namespace
}  // namespace arkshare
