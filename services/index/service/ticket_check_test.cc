#include "services/index/service/ticket_check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/core/errors.h"
#include "lib/rpc/convert.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

class TicketCheckTest : public testing::Test {
 protected:
  // Adds an item with a ticket of its own, signed by `source`; or with another signature.
  void Add(uint64_t number, bool forged = false) {
    const ContentId content = TestContent(number);
    MoveTicket ticket = IssueTickets(
        source_,
        {TicketBody{TransferId::Random(), source_.public_key(), number, receiver_, content}})[0];
    if (forged) ticket.signature = std::string(64, 'x');
    v1::UpdateOwnerRequest::Item& item = *request_.add_items();
    *item.mutable_ticket() = ToProto(ticket);
    *item.mutable_new_listing() = ToProto(TestListing(number, "a", number));
  }
  // Checks everything and returns the reasons, by item. Counts the steps.
  std::vector<std::string> Reasons() {
    TicketCheck check(&request_, receiver_);
    for (steps_ = 1; check.CheckSome(); ++steps_) {
    }
    forged_ = check.forged();
    good_ = check.changes().size();
    const std::vector<absl::Status> recorded(good_);
    std::vector<std::string> reasons;
    const v1::UpdateOwnerResponse answer = check.Answer(recorded);
    for (const auto& result : answer.results()) reasons.push_back(result.error().reason());
    return reasons;
  }

  const PrivateKey source_ = PrivateKey::Generate();
  const PublicKey receiver_ = TestKey(7);
  v1::UpdateOwnerRequest request_;
  int steps_ = 0;
  size_t forged_ = 0;
  size_t good_ = 0;
};

TEST_F(TicketCheckTest, ForgedTicketsAreRefusedOneByOne) {
  for (uint64_t n = 1; n <= 4; ++n) Add(n, /*forged=*/n % 2 == 0);
  EXPECT_EQ(Reasons(), (std::vector<std::string>{"", "TICKET_INVALID", "", "TICKET_INVALID"}));
  EXPECT_EQ(good_, 2u);
  EXPECT_EQ(forged_, 2u);
}

TEST_F(TicketCheckTest, AfterSomeForgedTicketsTheRestIsNotLookedAt) {
  for (uint64_t n = 1; n <= 1000; ++n) Add(n, /*forged=*/true);
  const std::vector<std::string> reasons = Reasons();
  ASSERT_EQ(reasons.size(), 1000u);
  EXPECT_EQ(reasons[TicketCheck::kMostForged - 1], "TICKET_INVALID");
  EXPECT_EQ(reasons[TicketCheck::kMostForged], "QUEUE_FULL");
  EXPECT_EQ(reasons.back(), "QUEUE_FULL");
  EXPECT_EQ(forged_, TicketCheck::kMostForged) << "signatures that were verified";
}

TEST_F(TicketCheckTest, AStepVerifiesFewSignatures) {
  for (uint64_t n = 1; n <= 100; ++n) Add(n);
  Reasons();
  EXPECT_EQ(good_, 100u);
  EXPECT_EQ(steps_, 7) << "16 signatures a step";
}

TEST_F(TicketCheckTest, TicketsOfOneBatchAreCheckedInFewSteps) {
  std::vector<TicketBody> bodies;
  for (uint64_t n = 1; n <= 1000; ++n) {
    bodies.push_back({TransferId::Random(), source_.public_key(), n, receiver_, TestContent(n)});
  }
  for (const MoveTicket& ticket : IssueTickets(source_, bodies)) {
    v1::UpdateOwnerRequest::Item& item = *request_.add_items();
    *item.mutable_ticket() = ToProto(ticket);
    const uint64_t number = ticket.body.source_listing;
    *item.mutable_new_listing() = ToProto(TestListing(number, "a", number));
  }
  Reasons();
  EXPECT_EQ(good_, 1000u);
  EXPECT_EQ(steps_, 5) << "200 items a step";
}

}  // namespace
}  // namespace arkshare
