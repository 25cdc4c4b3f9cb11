#include "services/index/replica/sent_statements.h"

#include <gtest/gtest.h>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

Announcement Numbered(uint64_t first, size_t count, bool complete = false) {
  Announcement message;
  message.first_sequence = first;
  message.statements.assign(count, StatementRecord::Gone(1));
  message.snapshot_complete = complete;
  return message;
}

TEST(SentStatements, OnlyWhatIsNewIsStored) {
  struct Case {
    const char* name;
    Announcement message;
    bool store;
    size_t repeated;
  };
  const Case cases[] = {
      {"a heartbeat", Numbered(0, 0), false, 0},
      {"the next ones", Numbered(4, 2), true, 0},
      {"some again, and a new one", Numbered(2, 3), true, 2},
      {"all of them again", Numbered(1, 3), false, 3},
      {"one of them again", Numbered(2, 1), false, 1},
      {"that they are complete", Numbered(0, 0, true), true, 0},
      {"some again, and that they are complete", Numbered(3, 1, true), true, 1},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    SentStatements sent(/*stored=*/true);
    EXPECT_EQ(sent.Begin(3, false), 3u);
    const auto next = sent.Hear(c.message);
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_EQ(next->store, c.store);
    EXPECT_EQ(next->repeated, c.repeated);
  }
}

TEST(SentStatements, AMessageThatDoesNotFollowIsRefused) {
  SentStatements sent(/*stored=*/true);
  sent.Begin(3, false);
  EXPECT_EQ(GetReason(sent.Hear(Numbered(0, 1)).status()), Reason::kInvalidField);
  EXPECT_EQ(GetReason(sent.Hear(Numbered(5, 1)).status()), Reason::kSequenceGap);
  EXPECT_TRUE(sent.Hear(Numbered(5, 0)).ok()) << "it states nothing";
}

TEST(SentStatements, StatementsOnTheirWayAreNotSentAgain) {
  SentStatements sent(/*stored=*/true);
  EXPECT_EQ(sent.Send(2, false), 1u);
  EXPECT_EQ(sent.Hear(Numbered(1, 3))->repeated, 2u);
  EXPECT_EQ(sent.Send(1, true), 3u);
  EXPECT_FALSE(sent.Hear(Numbered(1, 3, true))->store);
  // A stream begins with what the log has.
  EXPECT_EQ(sent.Begin(1, false), 1u);
  EXPECT_EQ(sent.Hear(Numbered(2, 2))->repeated, 0u);
  EXPECT_TRUE(sent.Hear(Numbered(0, 0, true))->store);
}

TEST(SentStatements, ThoseOfAnUnprovenPeerAreOnlyCounted) {
  SentStatements sent(/*stored=*/false);
  EXPECT_EQ(sent.Begin(0, false), 0u);
  auto next = sent.Hear(Numbered(1, 3, true));
  ASSERT_TRUE(next.ok());
  EXPECT_FALSE(next->store);
  EXPECT_EQ(next->counted, 3u);
  next = sent.Hear(Numbered(2, 4));
  EXPECT_EQ(next->counted, 5u);
  EXPECT_EQ(GetReason(sent.Hear(Numbered(7, 1)).status()), Reason::kSequenceGap);
  EXPECT_EQ(sent.Begin(0, false), 5u) << "the log has none of them";
}

}  // namespace
}  // namespace arkshare
