#include "services/peer/session/listing_budget.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace arkshare {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ListingBudgetTest : public testing::Test {
 protected:
  static BookListing Book(uint64_t number, bool partial = false) {
    return {.number = number,
            .name = *BookName::Parse(absl::StrCat("book", number)),
            .content = {},
            .partial = partial};
  }

  // Returns the statements that the change causes: the number of a book, or minus that of one that
  // is gone.
  std::vector<int> After(const Library::Change& change) {
    std::vector<Library::Change> statements;
    budget_.Add(change, statements);
    std::vector<int> numbers;
    for (const Library::Change& statement : statements) {
      if (const auto* present = std::get_if<BookListing>(&statement)) {
        numbers.push_back(static_cast<int>(present->number));
      } else {
        numbers.push_back(-static_cast<int>(std::get<uint64_t>(statement)));
      }
    }
    return numbers;
  }

  ListingBudget budget_;
};

TEST_F(ListingBudgetTest, WithoutALimitEverythingIsTold) {
  budget_.Begin(0);
  EXPECT_THAT(After(Book(1)), ElementsAre(1));
  EXPECT_THAT(After(uint64_t{1}), ElementsAre(-1));
  EXPECT_EQ(budget_.Trouble(), "");
}

TEST_F(ListingBudgetTest, BooksBeyondTheLimitWaitForRoom) {
  budget_.Begin(2);
  EXPECT_THAT(After(Book(1)), ElementsAre(1));
  EXPECT_THAT(After(Book(2)), ElementsAre(2));
  EXPECT_EQ(budget_.Trouble(), "");
  EXPECT_THAT(After(Book(3)), IsEmpty());
  EXPECT_THAT(After(Book(4)), IsEmpty());
  EXPECT_THAT(budget_.Trouble(), AllOf(HasSubstr("at most 2 books"), HasSubstr("2 are not listed"),
                                       HasSubstr("book3, book4"), HasSubstr("--max-books")));
  EXPECT_THAT(After(Book(2)), ElementsAre(2)) << "it counts once";
  EXPECT_THAT(After(uint64_t{1}), ElementsAre(-1, 3));
  EXPECT_THAT(After(uint64_t{4}), ElementsAre(-4)) << "nothing has waited but this";
  EXPECT_EQ(budget_.Trouble(), "");
}

TEST_F(ListingBudgetTest, PartsOfBooksDoNotCount) {
  budget_.Begin(1);
  EXPECT_THAT(After(Book(1)), ElementsAre(1));
  EXPECT_THAT(After(Book(2, /*partial=*/true)), ElementsAre(2));
  EXPECT_EQ(budget_.Trouble(), "");
}

TEST_F(ListingBudgetTest, ManyNamesAreCutShort) {
  budget_.Begin(1);
  for (uint64_t number = 1; number <= 9; ++number) After(Book(number));
  EXPECT_THAT(budget_.Trouble(), HasSubstr("8 are not listed (book2, book3, book4, …)"));
}

TEST_F(ListingBudgetTest, ABookThatIsLeftOutHasAReason) {
  budget_.Begin(1);
  After(Book(1));
  After(Book(2));
  EXPECT_EQ(budget_.WhyLeftOut(1), "");
  EXPECT_THAT(budget_.WhyLeftOut(2), HasSubstr("at most 1 books"));
  EXPECT_EQ(budget_.left_out(), 1U);
  After(uint64_t{1});
  EXPECT_EQ(budget_.WhyLeftOut(2), "");
  EXPECT_EQ(budget_.left_out(), 0U);
}

TEST_F(ListingBudgetTest, ANewSessionBeginsEmpty) {
  budget_.Begin(1);
  After(Book(1));
  After(Book(2));
  budget_.Begin(1);
  EXPECT_EQ(budget_.Trouble(), "");
  EXPECT_THAT(After(Book(2)), ElementsAre(2));
}

}  // namespace
}  // namespace arkshare
