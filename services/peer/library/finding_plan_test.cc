#include "services/peer/library/finding_plan.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/must.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kOneName[] = "caf\u00e9";
constexpr char kSameName[] = "cafe\u0301";

ListingRecord RecordOf(const std::string& path, uint32_t seed, uint64_t number = 0) {
  return {.number = number,
          .name = Must(BookName::Parse(path)),
          .path = path,
          .content = FakeBook::OfSize(10 + seed, seed).id,
          .identity = {.inode = 100 + seed, .size = 10 + seed, .mtime_ns = 1, .ctime_ns = 1}};
}

Finding Found(const std::string& path, uint32_t seed) {
  return {.path = path, .book = RecordOf(path, seed)};
}

Finding Gone(const std::string& path) { return {.path = path}; }

class FindingPlanTest : public testing::Test {
 protected:
  // Lists a book under the next number.
  void List(const std::string& path, uint32_t seed) {
    tables_.List(Book{RecordOf(path, seed, ++last_number_)});
    tables_.feed.Clear();
  }
  FindingPlan PlanOf(std::vector<Finding> findings, uint64_t max_books = 100) {
    return FindingPlan::Of(std::move(findings), tables_, max_books);
  }
  // Returns "-number" and "+path" of the plan, in order.
  static std::vector<std::string> Steps(const FindingPlan& plan) {
    std::vector<std::string> out;
    for (const LedgerListings::Replacement& change : plan.Changes()) {
      std::string step = change.gone == 0 ? "" : absl::StrCat("-", change.gone);
      if (change.added != nullptr) absl::StrAppend(&step, "+", change.added->path);
      out.push_back(step);
    }
    return out;
  }
  // Makes the whole plan, under the next numbers.
  size_t Carry(FindingPlan& plan) {
    std::vector<uint64_t> numbers;
    for (const LedgerListings::Replacement& change : plan.Changes()) {
      numbers.push_back(change.added == nullptr ? 0 : ++last_number_);
    }
    const size_t ended = plan.Carry(tables_, 0, numbers);
    plan.Unclaim(tables_);
    return ended;
  }
  // Returns the listed paths, with their numbers.
  std::map<std::string, uint64_t> Listed() const { return tables_.listings.by_path(); }
  std::string WhyUnlisted(const std::string& path) const {
    const UnlistedFiles::Entry* entry = tables_.unlisted.Find(path);
    return entry == nullptr ? "(not there)" : entry->reason;
  }

  LibraryTables tables_;
  uint64_t last_number_ = 0;
};

TEST_F(FindingPlanTest, NewChangedAndGoneFilesAreOnePlan) {
  List("changed", 1);
  List("gone", 2);
  List("same", 3);
  FindingPlan plan =
      PlanOf({Found("changed", 4), Found("new", 5), Found("same", 3), Gone("gone"), Gone("never")});
  EXPECT_THAT(Steps(plan), ElementsAre("-2", "-1+changed", "+new"));
  EXPECT_EQ(plan.Changes()[0].gone_state, ListingRecord::State::kDeleted);
  EXPECT_EQ(plan.Changes()[1].gone_state, ListingRecord::State::kChanged);
  // Until the ledger has recorded the plan, nothing is different but that the paths are claimed.
  EXPECT_THAT(Listed(),
              ElementsAre(std::pair("changed", 1), std::pair("gone", 2), std::pair("same", 3)));
  EXPECT_TRUE(tables_.claims.Claimed("new"));
  EXPECT_FALSE(tables_.claims.Claimed("same"));
  EXPECT_EQ(Carry(plan), 2U);
  EXPECT_THAT(Listed(),
              ElementsAre(std::pair("changed", 4), std::pair("new", 5), std::pair("same", 3)));
  EXPECT_FALSE(tables_.claims.Claimed("new"));
}

TEST_F(FindingPlanTest, APlanThatIsNotRecordedChangesNoListing) {
  List("a", 1);
  const FindingPlan plan = PlanOf({Found("a", 2), Found("b", 3)});
  plan.Unclaim(tables_);
  EXPECT_THAT(Listed(), ElementsAre(std::pair("a", 1)));
  EXPECT_FALSE(tables_.claims.Claimed("a"));
  EXPECT_FALSE(tables_.claims.Claimed("b"));
}

TEST_F(FindingPlanTest, AClaimedPathIsLeftAsItIs) {
  List("a", 1);
  List("b", 2);
  tables_.claims.Claim("a");
  tables_.claims.Claim("b");
  tables_.claims.Claim("c");
  EXPECT_EQ(PlanOf({Found("a", 3), Gone("b"), Found("c", 4)}).size(), 0U);
  EXPECT_TRUE(tables_.claims.Claimed("a"));
}

TEST_F(FindingPlanTest, ATouchedFileKeepsItsListingWithTheNewIdentity) {
  List("a", 1);
  tables_.listings.FindPath("a")->book.trouble = "cannot be read";
  Finding touched = Found("a", 1);
  touched.book->identity.ctime_ns = 2;
  touched.lend_only = true;
  touched.lend_reason = "immutable";
  const FindingPlan plan = PlanOf({touched});
  EXPECT_EQ(plan.size(), 0U);
  ASSERT_EQ(plan.touched().size(), 1U);
  EXPECT_EQ(plan.touched()[0].listing, 1U);
  const Book& book = tables_.listings.FindPath("a")->book;
  EXPECT_EQ(book.record.identity.ctime_ns, 2);
  EXPECT_TRUE(book.lend_only);
  EXPECT_EQ(book.lend_reason, "immutable");
  EXPECT_EQ(book.trouble, "");
  EXPECT_THAT(PlanOf({touched}).touched(), IsEmpty());
}

TEST_F(FindingPlanTest, TwoPathsOfOneNameAreOneBook) {
  EXPECT_THAT(Steps(PlanOf({Found(kOneName, 1), Found(kSameName, 2)})),
              ElementsAre(absl::StrCat("+", kOneName)));
  EXPECT_THAT(WhyUnlisted(kSameName), HasSubstr("rename one of them"));
}

TEST_F(FindingPlanTest, APathMayTakeTheNameOfOneThatEndsInTheSamePlan) {
  List(kOneName, 1);
  EXPECT_THAT(Steps(PlanOf({Found(kSameName, 1), Gone(kOneName)})),
              ElementsAre("-1", absl::StrCat("+", kSameName)));
}

TEST_F(FindingPlanTest, TheLimitCountsWhatEndsAndBeginsInThePlan) {
  List("a", 1);
  List("b", 2);
  // A file in place of another does not raise the count, and the one that ends makes room.
  EXPECT_THAT(Steps(PlanOf({Found("c", 3), Found("d", 4), Found("a", 5), Gone("b")}, 2)),
              ElementsAre("-2", "+c", "-1+a"));
  EXPECT_THAT(WhyUnlisted("d"), HasSubstr("the limit of 2 books"));
}

TEST_F(FindingPlanTest, AFileThatIsNotListedIsNotedAtOnce) {
  Finding pending = Gone("a");
  pending.unlisted = Finding::Unlisted{7, ""};
  EXPECT_EQ(PlanOf({pending}).size(), 0U);
  EXPECT_EQ(tables_.unlisted.pending(), 1U);
  EXPECT_EQ(PlanOf({Gone("a")}).size(), 0U);
  EXPECT_EQ(WhyUnlisted("a"), "(not there)");
}

TEST_F(FindingPlanTest, NewNumbersAreForListingsThatNoTransferUses) {
  List("a", 1);
  List("claimed", 2);
  List("unsettled", 3);
  List("z", 4);
  tables_.claims.Claim("claimed");
  tables_.listings.FindPath("unsettled")->book.record.unsettled = true;
  tables_.listings.FindPath("z")->book.lend_reason = "immutable";
  FindingPlan plan = FindingPlan::NewNumbers(tables_);
  EXPECT_THAT(Steps(plan), ElementsAre("-1+a", "-4+z"));
  last_number_ = 10;
  EXPECT_EQ(Carry(plan), 2U);
  EXPECT_THAT(Listed(), ElementsAre(std::pair("a", 11), std::pair("claimed", 2),
                                    std::pair("unsettled", 3), std::pair("z", 12)));
  EXPECT_EQ(tables_.listings.FindPath("z")->book.lend_reason, "immutable");
  EXPECT_TRUE(tables_.claims.Claimed("claimed"));
}

TEST_F(FindingPlanTest, APlanIsCarriedInSlices) {
  FindingPlan plan = PlanOf({Found("a", 1), Found("b", 2), Found("c", 3)});
  EXPECT_EQ(plan.Carry(tables_, 0, {11, 12}), 0U);
  EXPECT_THAT(Listed(), ElementsAre(std::pair("a", 11), std::pair("b", 12)));
  EXPECT_EQ(plan.Carry(tables_, 2, {13}), 0U);
  EXPECT_EQ(Listed().at("c"), 13U);
}

}  // namespace
}  // namespace arkshare
