#include "services/peer/wishes/wish_table.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "lib/core/errors.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Action = WishRecord::Action;

constexpr absl::Time kNow = absl::UnixEpoch();

WishFind FindOf(uint32_t seed) {
  return {.content = FakeBook::OfSize(100, seed).id,
          .name = Must(BookName::Parse(absl::StrCat("book ", seed))),
          .peer_id = seed};
}

class WishTableTest : public testing::Test {
 protected:
  void Put(uint64_t id, Action action, uint32_t limit = 1) {
    table_.Put({.id = id,
                .query = WishKeywords{absl::StrCat("words ", id)},
                .action = action,
                .fetch_limit = limit},
               kNow);
  }
  // Returns the contents that are due.
  std::vector<ContentId> Due(absl::Time now = kNow) {
    std::vector<ContentId> contents;
    for (const WishTable::Fetch& fetch : table_.TakeDue(now, 99)) contents.push_back(fetch.content);
    return contents;
  }
  // Returns what Found does; the ledger has it.
  bool FoundAndRecorded(uint64_t wish, uint32_t seed) {
    const bool is_new = table_.Found(wish, FindOf(seed));
    table_.Recorded(wish, {FindOf(seed)});
    return is_new;
  }
  absl::Status Failed() { return MakeError(Reason::kNoHolderReachable, "away"); }

  WishTable table_;
};

TEST_F(WishTableTest, AWishThatTellsFetchesNothing) {
  Put(1, Action::kTell);
  EXPECT_TRUE(FoundAndRecorded(1, 1));
  EXPECT_FALSE(FoundAndRecorded(1, 1)) << "it was told";
  EXPECT_FALSE(FoundAndRecorded(2, 1)) << "no such wish";
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_EQ(table_.NextDue(), absl::InfiniteFuture());
  const WishView view = *table_.Find(1);
  EXPECT_EQ(view.found_count, 1U);
  EXPECT_THAT(view.record.finds, SizeIs(1));
}

TEST_F(WishTableTest, FetchesNoMoreThanItWants) {
  Put(1, Action::kAny, /*limit=*/2);
  for (uint32_t seed = 1; seed <= 3; ++seed) FoundAndRecorded(1, seed);
  EXPECT_THAT(Due(), ElementsAre(FindOf(1).content, FindOf(2).content));
  EXPECT_THAT(Due(), IsEmpty()) << "two are on their way";
  EXPECT_TRUE(table_.Ended({1, FindOf(1).content}, absl::OkStatus(), kNow));
  EXPECT_FALSE(table_.Ended({1, FindOf(2).content}, Failed(), kNow));
  EXPECT_THAT(Due(), ElementsAre(FindOf(3).content)) << "in place of the one that failed";
  EXPECT_TRUE(table_.Ended({1, FindOf(3).content},
                           MakeError(Reason::kAlreadyInLibrary, "it is here"), kNow));
  EXPECT_THAT(Due(absl::InfiniteFuture()), IsEmpty());
  EXPECT_EQ(table_.Find(1)->fetched_count, 2U);
}

TEST_F(WishTableTest, OnlyAWishForCopiesAsksForCopies) {
  Put(1, Action::kCopy);
  Put(2, Action::kAny);
  FoundAndRecorded(1, 1);
  FoundAndRecorded(2, 1);
  const std::vector<WishTable::Fetch> due = table_.TakeDue(kNow, 99);
  ASSERT_THAT(due, SizeIs(2));
  EXPECT_TRUE(due[0].copy_only);
  EXPECT_FALSE(due[1].copy_only);
}

TEST_F(WishTableTest, WhatFailedIsTriedAgainAfterPausesThatGrow) {
  Put(1, Action::kAny);
  FoundAndRecorded(1, 1);
  absl::Time now = kNow;
  for (const int seconds : {30, 60, 120, 240}) {
    ASSERT_THAT(Due(now), SizeIs(1));
    table_.Ended({1, FindOf(1).content}, Failed(), now);
    EXPECT_EQ(table_.NextDue(), now + absl::Seconds(seconds));
    EXPECT_EQ(ReasonOf(table_.Find(1)->error), "NO_HOLDER_REACHABLE");
    now += absl::Seconds(seconds);
  }
  ASSERT_THAT(Due(now), SizeIs(1));
  EXPECT_TRUE(table_.Ended({1, FindOf(1).content}, absl::OkStatus(), now));
  EXPECT_TRUE(table_.Find(1)->error.ok());
}

TEST_F(WishTableTest, WhatTheIndexListsAgainIsTriedAtOnce) {
  Put(1, Action::kAny);
  FoundAndRecorded(1, 1);
  Due();
  table_.Ended({1, FindOf(1).content}, Failed(), kNow);
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_FALSE(FoundAndRecorded(1, 1));
  EXPECT_THAT(Due(), SizeIs(1));
  table_.Ended({1, FindOf(1).content}, Failed(), kNow);
  table_.RetryAll(kNow);
  EXPECT_THAT(Due(), SizeIs(1));
}

TEST_F(WishTableTest, WhatIsTriedInVainWhenItIsListedAgainIsTriedAtOnce) {
  Put(1, Action::kAny);
  FoundAndRecorded(1, 1);
  Due();
  FoundAndRecorded(1, 1);
  table_.Ended({1, FindOf(1).content}, Failed(), kNow);
  EXPECT_THAT(Due(), SizeIs(1)) << "it failed before it was listed again";
  table_.RetryAll(kNow);
  table_.Ended({1, FindOf(1).content}, Failed(), kNow);
  EXPECT_THAT(Due(), SizeIs(1));
  table_.Ended({1, FindOf(1).content}, Failed(), kNow);
  EXPECT_THAT(Due(), IsEmpty());
}

// Otherwise a crash would let the wish get one book more than it wants.
TEST_F(WishTableTest, NothingIsFetchedBeforeTheLedgerHasIt) {
  Put(1, Action::kAny);
  EXPECT_TRUE(table_.Found(1, FindOf(1)));
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_EQ(table_.NextDue(), absl::InfiniteFuture());
  table_.Recorded(1, {FindOf(1)});
  EXPECT_THAT(Due(), ElementsAre(FindOf(1).content));
}

TEST_F(WishTableTest, ARestartGoesOn) {
  WishFind fetched = FindOf(1);
  fetched.fetched = true;
  table_.Put({.id = 7,
              .query = FindOf(1).name,
              .action = Action::kAny,
              .fetch_limit = 2,
              .finds = {fetched, FindOf(2)}},
             kNow);
  EXPECT_EQ(table_.NextDue(), kNow);
  EXPECT_THAT(Due(), ElementsAre(FindOf(2).content));
  EXPECT_FALSE(FoundAndRecorded(7, 1)) << "an earlier run has told it";
  EXPECT_EQ(table_.Find(7)->fetched_count, 1U);
}

TEST_F(WishTableTest, AnotherActionKeepsWhatWasFound) {
  Put(1, Action::kTell);
  FoundAndRecorded(1, 1);
  Put(1, Action::kAny);
  EXPECT_THAT(Due(), SizeIs(1));
  EXPECT_EQ(table_.Find(1)->found_count, 1U);
}

TEST_F(WishTableTest, ARemovedWishIsForgotten) {
  Put(1, Action::kAny);
  FoundAndRecorded(1, 1);
  Due();
  EXPECT_TRUE(table_.Remove(1));
  EXPECT_FALSE(table_.Remove(1));
  EXPECT_FALSE(table_.Ended({1, FindOf(1).content}, absl::OkStatus(), kNow));
  EXPECT_THAT(table_.List(), IsEmpty());
}

TEST_F(WishTableTest, TheNumberOfWishesIsBounded) {
  for (uint64_t id = 1; id <= WishTable::kMostWishes; ++id) Put(id, Action::kTell);
  EXPECT_EQ(ReasonOf(table_.MayAdd(WishKeywords{"other"})), "LIMIT_EXCEEDED");
  EXPECT_TRUE(table_.MayAdd(WishKeywords{"words 1"}).ok()) << "it takes the place of the first";
}

TEST_F(WishTableTest, AWishThatFindsTooMuchSaysSo) {
  Put(1, Action::kTell);
  for (uint32_t seed = 1; seed <= WishTable::kMostFinds; ++seed) {
    WishFind find = FindOf(1);
    find.content.size = seed;
    ASSERT_TRUE(table_.Found(1, find));
  }
  EXPECT_TRUE(table_.Find(1)->error.ok());
  EXPECT_FALSE(FoundAndRecorded(1, 2));
  const WishView view = *table_.Find(1);
  EXPECT_EQ(ReasonOf(view.error), "LIMIT_EXCEEDED");
  EXPECT_EQ(view.found_count, WishTable::kMostFinds);
  EXPECT_THAT(view.record.finds, SizeIs(20));
  EXPECT_EQ(view.record.finds[0].content.size, WishTable::kMostFinds) << "newest first";
}

}  // namespace
}  // namespace arkshare
