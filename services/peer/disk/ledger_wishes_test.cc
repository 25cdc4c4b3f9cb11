#include "services/peer/disk/ledger_wishes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "services/peer/disk/ledger.h"
#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/must.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

ContentId FindOf(uint32_t seed) { return FakeBook::OfSize(100, seed).id; }

class LedgerWishesTest : public testing::Test {
 protected:
  LedgerWishesTest() { Reopen(); }

  void Reopen() {
    ledger_.reset();
    folder_.reset();
    folder_ = Must(SharedFolder::Open(temp_.path()));
    ledger_ = Must(Ledger::Open(folder_.get(), &clock_));
  }
  LedgerWishes& wishes() { return *ledger_->wishes(); }

  TempFolder temp_;
  FakeClock clock_;
  std::unique_ptr<SharedFolder> folder_;
  std::unique_ptr<Ledger> ledger_;
};

TEST_F(LedgerWishesTest, WishesSurviveARestart) {
  const WishRecord added[] = {
      {.query = Must(BookName::Parse("a name")), .action = WishRecord::Action::kTell},
      {.query = WishKeywords{"Some Words"}, .action = WishRecord::Action::kCopy, .fetch_limit = 7},
      {.query = FindOf(1), .action = WishRecord::Action::kAny, .time = clock_.Now()}};
  std::vector<uint64_t> ids;
  for (const WishRecord& wish : added) ids.push_back(Must(wishes().Put(wish)));
  EXPECT_THAT(ids, ElementsAre(1, 2, 3));
  Must(wishes().AddFinds(2, {{FindOf(5), Must(BookName::Parse("found")), 4, clock_.Now()},
                             {FindOf(6), Must(BookName::Parse("other")), 4, clock_.Now()}}));
  Must(wishes().SetFetched(2, FindOf(6)));
  Reopen();
  const std::vector<WishRecord> all = Must(wishes().All());
  ASSERT_THAT(all, SizeIs(3));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(all[i].id, i + 1);
    EXPECT_EQ(all[i].query, added[i].query);
    EXPECT_EQ(all[i].action, added[i].action);
    EXPECT_EQ(all[i].fetch_limit, added[i].fetch_limit);
  }
  EXPECT_EQ(all[2].time, clock_.Now());
  ASSERT_THAT(all[1].finds, SizeIs(2));
  EXPECT_EQ(all[1].finds[0].content, FindOf(5));
  EXPECT_EQ(all[1].finds[0].name.value(), "found");
  EXPECT_EQ(all[1].finds[0].peer_id, 4U);
  EXPECT_EQ(all[1].finds[0].time, clock_.Now());
  EXPECT_FALSE(all[1].finds[0].fetched);
  EXPECT_TRUE(all[1].finds[1].fetched);
}

TEST_F(LedgerWishesTest, AWishWithTheSameQueryTakesThePlaceOfTheFirst) {
  const uint64_t id = Must(wishes().Put({.query = WishKeywords{"a"}}));
  Must(wishes().AddFinds(id, {{FindOf(5), Must(BookName::Parse("found"))}}));
  EXPECT_EQ(Must(wishes().Put({.query = WishKeywords{"a"}, .action = WishRecord::Action::kAny})),
            id);
  // A name of the same text is another query.
  EXPECT_NE(Must(wishes().Put({.query = Must(BookName::Parse("a"))})), id);
  const std::vector<WishRecord> all = Must(wishes().All());
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].action, WishRecord::Action::kAny);
  EXPECT_THAT(all[0].finds, SizeIs(1));
}

TEST_F(LedgerWishesTest, ARemovedWishLeavesNothingAndItsIdIsNotUsedAgain) {
  const uint64_t id = Must(wishes().Put({.query = WishKeywords{"a"}}));
  Must(wishes().AddFinds(id, {{FindOf(5), Must(BookName::Parse("found"))}}));
  Must(wishes().Remove(id));
  // A find that comes late.
  Must(wishes().AddFinds(id, {{FindOf(6), Must(BookName::Parse("late"))}}));
  EXPECT_THAT(Must(wishes().All()), IsEmpty());
  const uint64_t next = Must(wishes().Put({.query = WishKeywords{"a"}}));
  EXPECT_GT(next, id);
  EXPECT_THAT(Must(wishes().All())[0].finds, IsEmpty());
}

}  // namespace
}  // namespace arkshare
