#include "services/peer/library/change_feed.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/must.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

class ChangeFeedTest : public testing::Test {
 protected:
  static BookListing Listing(uint64_t number, uint32_t seed = 1) {
    return {number, Must(BookName::Parse("book")), FakeBook::OfSize(10, seed).id};
  }
  // Returns "+number" and "-number", in order.
  std::vector<std::string> Take(size_t most = 1000) {
    std::vector<std::string> out;
    for (const ChangeFeed::Change& change : feed_.Take(most)) {
      if (const BookListing* listing = std::get_if<BookListing>(&change)) {
        out.push_back(absl::StrCat("+", listing->number));
      } else {
        out.push_back(absl::StrCat("-", std::get<uint64_t>(change)));
      }
    }
    return out;
  }

  ChangeFeed feed_;
};

TEST_F(ChangeFeedTest, ChangesAreTakenOnceAndInOrder) {
  EXPECT_TRUE(feed_.empty());
  feed_.Push(Listing(1));
  feed_.Push(uint64_t{1});
  feed_.Push(Listing(2));
  EXPECT_FALSE(feed_.empty());
  EXPECT_THAT(Take(0), IsEmpty());
  EXPECT_THAT(Take(2), ElementsAre("+1", "-1"));
  EXPECT_THAT(Take(2), ElementsAre("+2"));
  EXPECT_THAT(Take(2), IsEmpty());
}

TEST_F(ChangeFeedTest, ADelayedChangeComesAtItsTimeOrWhenItIsAskedFor) {
  EXPECT_EQ(feed_.PushDue(kNow), absl::InfiniteFuture());
  feed_.PushGoneAt(1, kNow + absl::Seconds(2));
  feed_.PushGoneAt(2, kNow + absl::Seconds(1));
  feed_.PushGoneAt(3, kNow + absl::Seconds(3));
  EXPECT_EQ(feed_.PushDue(kNow), kNow + absl::Seconds(1));
  EXPECT_THAT(Take(), IsEmpty());
  feed_.PushGoneNow(3);
  feed_.PushGoneNow(3);
  feed_.PushGoneNow(4);
  EXPECT_THAT(Take(), ElementsAre("-3"));
  EXPECT_EQ(feed_.PushDue(kNow + absl::Seconds(1)), kNow + absl::Seconds(2));
  EXPECT_THAT(Take(), ElementsAre("-2"));
  EXPECT_EQ(feed_.PushDue(kNow + absl::Seconds(5)), absl::InfiniteFuture());
  EXPECT_THAT(Take(), ElementsAre("-1"));
}

TEST_F(ChangeFeedTest, APartialListingIsKeptUntilItIsRemoved) {
  feed_.AddPartial(Listing(1, 1));
  feed_.AddPartial(Listing(2, 2));
  feed_.AddPartial(Listing(3, 1));
  EXPECT_THAT(Take(), ElementsAre("+1", "+2", "+3"));
  feed_.RemovePartialsOf(Listing(0, 1).content);
  EXPECT_THAT(Take(), ElementsAre("-1", "-3"));
  EXPECT_EQ(feed_.partials().size(), 1U);
  feed_.RemovePartial(1);
  EXPECT_THAT(Take(), IsEmpty()) << "it is gone already";
  feed_.RemovePartial(2);
  EXPECT_THAT(Take(), ElementsAre("-2"));
  EXPECT_TRUE(feed_.partials().empty());
}

TEST_F(ChangeFeedTest, APartialListingMayGetAnotherNumber) {
  feed_.AddPartial(Listing(1, 1));
  feed_.AddPartial(Listing(2, 2));
  feed_.RenumberPartial(1, 11);
  feed_.RenumberPartial(2, 12);
  feed_.RenumberPartial(3, 13);
  EXPECT_THAT(Take(), ElementsAre("+1", "+2", "-1", "+11", "-2", "+12"));
  feed_.RemovePartial(11);
  EXPECT_THAT(Take(), IsEmpty()) << "its key is still 1";
  feed_.RemovePartial(1);
  feed_.RemovePartialsOf(Listing(0, 2).content);
  EXPECT_THAT(Take(), ElementsAre("-11", "-12"));
}

TEST_F(ChangeFeedTest, ClearForgetsChangesAndKeepsPartialListings) {
  feed_.AddPartial(Listing(1));
  feed_.Push(Listing(2));
  feed_.PushGoneAt(3, kNow);
  feed_.Clear();
  EXPECT_TRUE(feed_.empty());
  EXPECT_EQ(feed_.PushDue(kNow + absl::Hours(1)), absl::InfiniteFuture());
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_EQ(feed_.partials().size(), 1U);
}

}  // namespace
}  // namespace arkshare
