#include "services/index/etcd/watch_dog.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

class WatchDogTest : public testing::Test {
 protected:
  absl::Time At(double seconds) const {
    return absl::FromUnixSeconds(1000) + absl::Seconds(seconds);
  }

  WatchDog dog_;
};

TEST_F(WatchDogTest, AWatchMustBeCreatedWithinASecond) {
  EXPECT_FALSE(dog_.Overdue(At(100)));
  dog_.Opened(At(0));
  EXPECT_FALSE(dog_.Overdue(At(0.9)));
  EXPECT_TRUE(dog_.Overdue(At(1)));
  dog_.Closed();
  EXPECT_FALSE(dog_.Overdue(At(2)));
}

TEST_F(WatchDogTest, AQuietWatchIsGoodWhileItOwesNothing) {
  dog_.Opened(At(0));
  dog_.Heard(At(0.1));
  dog_.Waiting(5, At(0.1));
  EXPECT_FALSE(dog_.Overdue(At(60)));
}

TEST_F(WatchDogTest, ACommittedRevisionMustComeWithinASecond) {
  dog_.Opened(At(0));
  dog_.Heard(At(0.1));
  dog_.Waiting(5, At(0.1));
  dog_.Committed(6, At(10));
  EXPECT_FALSE(dog_.Overdue(At(10.9)));
  EXPECT_TRUE(dog_.Overdue(At(11)));
  dog_.Heard(At(11));
  dog_.Waiting(6, At(11));
  EXPECT_FALSE(dog_.Overdue(At(60)));
}

TEST_F(WatchDogTest, AWatchThatTellsOtherThingsIsOnlyLate) {
  dog_.Opened(At(0));
  dog_.Committed(100, At(0.1));
  for (int i = 0; i < 50; ++i) {
    dog_.Heard(At(0.5 * i));
    dog_.Waiting(i + 1, At(0.5 * i));
    EXPECT_FALSE(dog_.Overdue(At(0.5 * i + 0.4))) << i;
  }
}

TEST_F(WatchDogTest, AReaderThatIsBusyIsNotTheWatchsFault) {
  dog_.Opened(At(0));
  dog_.Heard(At(0.1));
  dog_.Committed(9, At(0.2));
  EXPECT_FALSE(dog_.Overdue(At(30)));
  dog_.Waiting(3, At(30));
  EXPECT_FALSE(dog_.Overdue(At(30.9)));
  EXPECT_TRUE(dog_.Overdue(At(31)));
}

TEST_F(WatchDogTest, ARevisionOfALogThatIsGoneIsNotOwed) {
  dog_.Opened(At(0));
  dog_.Heard(At(0));
  dog_.Waiting(50, At(0));
  dog_.Committed(1000, At(0));
  dog_.Refounded();
  dog_.Opened(At(1));
  dog_.Heard(At(1));
  dog_.Waiting(3, At(1));
  EXPECT_FALSE(dog_.Overdue(At(60)));
}

}  // namespace
}  // namespace arkshare
