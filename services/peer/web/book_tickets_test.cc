#include "services/peer/web/book_tickets.h"

#include <gtest/gtest.h>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

TEST(BookTicketsTest, ATicketLivesAsLongAsItIsUsed) {
  FakeClock clock;
  BookTickets tickets(&clock);
  const std::string ticket = tickets.Make("s", {.path = "a book"}).value();
  EXPECT_EQ(ticket.size(), 22u);
  EXPECT_EQ(tickets.Find(ticket)->path, "a book");
  EXPECT_FALSE(tickets.Find(ticket.substr(1)).has_value());
  EXPECT_FALSE(tickets.Find("").has_value());
  for (int i = 0; i < 3; ++i) {
    clock.Advance(absl::Minutes(9));
    EXPECT_TRUE(tickets.Find(ticket).has_value());
  }
  clock.Advance(absl::Minutes(10));
  EXPECT_FALSE(tickets.Find(ticket).has_value());
}

TEST(BookTicketsTest, ATicketEndsWithItsSession) {
  FakeClock clock;
  BookTickets tickets(&clock);
  const std::string first = tickets.Make("first", {}).value();
  const std::string second = tickets.Make("second", {}).value();
  tickets.EndSession("first");
  EXPECT_FALSE(tickets.Find(first).has_value());
  EXPECT_TRUE(tickets.Find(second).has_value());
}

TEST(BookTicketsTest, TheirNumberIsBounded) {
  FakeClock clock;
  BookTickets tickets(&clock);
  for (size_t i = 0; i < BookTickets::kMost; ++i) ASSERT_TRUE(tickets.Make("s", {}).ok());
  EXPECT_EQ(GetReason(tickets.Make("s", {}).status()), Reason::kLimitExceeded);
  clock.Advance(BookTickets::kLife);
  EXPECT_TRUE(tickets.Make("s", {}).ok()) << "old ones make room";
}

}  // namespace
}  // namespace arkshare
