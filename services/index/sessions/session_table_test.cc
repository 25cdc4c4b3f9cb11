#include "services/index/sessions/session_table.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

constexpr absl::Duration kTableLease = absl::Seconds(10);

class SessionTableTest : public testing::Test {
 protected:
  PeerSessionPtr Add(uint8_t key, absl::Time now) {
    auto session = std::make_shared<PeerSession>(nullptr, nullptr);
    session->token = absl::StrCat("token ", key);
    session->key = TestKey(key);
    session->peer_id = key;
    table_.Add(session, now);
    return session;
  }

  const absl::Time start_ = absl::UnixEpoch();
  SessionTable table_{kTableLease};
};

TEST_F(SessionTableTest, ASessionIsFoundByTokenKeyAndNumberUntilItIsRemoved) {
  const PeerSessionPtr one = Add(1, start_);
  const PeerSessionPtr two = Add(2, start_);
  EXPECT_EQ(table_.FindByToken("token 1"), one);
  EXPECT_EQ(table_.FindByKey(TestKey(2)), two);
  EXPECT_EQ(table_.FindById(1), one);
  table_.Remove(one);
  EXPECT_EQ(table_.FindByToken("token 1"), nullptr);
  EXPECT_EQ(table_.FindByKey(TestKey(1)), nullptr);
  EXPECT_EQ(table_.FindById(1), nullptr);
  EXPECT_EQ(table_.FindById(2), two);
}

TEST_F(SessionTableTest, LeasesLapseInTheOrderOfTheirEnds) {
  const PeerSessionPtr one = Add(1, start_);
  const PeerSessionPtr two = Add(2, start_ + absl::Seconds(1));
  table_.Renew(*one, start_ + absl::Seconds(2));
  EXPECT_EQ(table_.NextLapse(start_ + absl::Seconds(2)), absl::Seconds(9));
  EXPECT_EQ(table_.FindLapsed(start_ + absl::Seconds(10)), nullptr);
  const absl::Time late = start_ + absl::Seconds(12);
  EXPECT_EQ(table_.FindLapsed(late), two);
  table_.Remove(two);
  EXPECT_EQ(table_.FindLapsed(late), one);
  table_.Remove(one);
  EXPECT_EQ(table_.FindLapsed(late), nullptr);
  EXPECT_EQ(table_.NextLapse(late), kTableLease);
}

TEST_F(SessionTableTest, ALeaseThatIsHeldIsRenewedInsteadOfLapsing) {
  const PeerSessionPtr held = Add(1, start_);
  held->lease_holds = 1;
  EXPECT_EQ(table_.FindLapsed(start_ + kTableLease), nullptr);
  EXPECT_EQ(table_.NextLapse(start_ + kTableLease), kTableLease);
  held->lease_holds = 0;
  EXPECT_EQ(table_.FindLapsed(start_ + 2 * kTableLease), held);
}

TEST(ReportBudgetTest, ASessionReportsManyAtOnceAndThenFew) {
  ReportBudget budget;
  const absl::Time start = absl::UnixEpoch();
  int paid = 0;
  while (paid < 100 && budget.Pay(start)) ++paid;
  EXPECT_EQ(paid, 17);
  EXPECT_TRUE(budget.Pay(start + absl::Seconds(5)));
  EXPECT_FALSE(budget.Pay(start + absl::Seconds(5)));
}

}  // namespace
}  // namespace arkshare
