#include "services/peer/session/statement_queue.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

std::vector<Library::Change> Gone(uint64_t first, uint64_t last) {
  std::vector<Library::Change> changes;
  for (uint64_t number = first; number <= last; ++number) changes.emplace_back(number);
  return changes;
}

class StatementQueueTest : public testing::Test {
 protected:
  // Sends a message: "FIRST:" and the listing numbers that it states.
  std::string Send(size_t most = 1000) {
    v1::AnnounceRequest request;
    queue_.TakeNext(most, request);
    std::string text = std::to_string(request.first_sequence()) + ":";
    for (const v1::Statement& statement : request.statements()) {
      text += " " + std::to_string(statement.gone_listing_number());
    }
    return text;
  }
  bool Refused(const absl::Status& status) { return GetReason(status) == Reason::kAnswerInvalid; }

  StatementQueue queue_;
};

TEST_F(StatementQueueTest, StatementsAreNumberedAndSentOnce) {
  queue_.Restart(Gone(11, 13));
  ASSERT_EQ(queue_.BeginStream(0).value(), true);
  EXPECT_EQ(Send(2), "1: 11 12");
  EXPECT_FALSE(queue_.all_taken());
  EXPECT_EQ(Send(2), "3: 13");
  EXPECT_TRUE(queue_.all_taken());
  EXPECT_EQ(Send(), "4:") << "a heartbeat";
  queue_.Add(Gone(14, 14));
  EXPECT_EQ(Send(), "4: 14");
  EXPECT_TRUE(queue_.Acknowledge(2).ok());
  EXPECT_TRUE(queue_.Acknowledge(4).ok());
  EXPECT_EQ(Send(), "5:");
}

TEST_F(StatementQueueTest, ALaterStreamRepeatsWhatTheIndexHasNot) {
  queue_.Restart(Gone(11, 14));
  ASSERT_EQ(queue_.BeginStream(0).value(), true);
  EXPECT_EQ(Send(), "1: 11 12 13 14");
  EXPECT_TRUE(queue_.Acknowledge(1).ok());
  ASSERT_EQ(queue_.BeginStream(3).value(), true) << "applied, and the acknowledgement was lost";
  EXPECT_EQ(Send(), "4: 14");
  // The index may apply what came on the stream before while this one has repeated nothing yet.
  ASSERT_EQ(queue_.BeginStream(3).value(), true);
  ASSERT_EQ(queue_.BeginStream(4).value(), true);
  EXPECT_EQ(Send(), "5:");
}

TEST_F(StatementQueueTest, AnIndexThatHasForgottenStatementsIsToldSo) {
  queue_.Restart(Gone(11, 14));
  ASSERT_EQ(queue_.BeginStream(0).value(), true);
  EXPECT_EQ(Send(), "1: 11 12 13 14");
  EXPECT_TRUE(queue_.Acknowledge(4).ok());
  ASSERT_EQ(queue_.BeginStream(0).value(), false);
  queue_.Restart(Gone(12, 14));
  EXPECT_EQ(Send(), "1: 12 13 14");
}

TEST_F(StatementQueueTest, NothingIsAcknowledgedThatWasNotSent) {
  constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();
  for (const uint64_t number : {uint64_t{1}, uint64_t{4}, uint64_t{1'000'000}, kAll - 1, kAll}) {
    queue_.Restart(Gone(11, 13));
    EXPECT_TRUE(Refused(queue_.BeginStream(number).status())) << number;
    queue_.Restart(Gone(11, 15));
    ASSERT_TRUE(queue_.BeginStream(0).ok());
    Send(/*most=*/number == 1 ? 0 : 3);
    EXPECT_TRUE(Refused(queue_.Acknowledge(number))) << number;
    // The refused answer has changed nothing.
    ASSERT_TRUE(queue_.BeginStream(0).ok());
    EXPECT_EQ(Send(), "1: 11 12 13 14 15");
  }
}

TEST_F(StatementQueueTest, AStreamDoesNotGoBack) {
  queue_.Restart(Gone(11, 13));
  ASSERT_TRUE(queue_.BeginStream(0).ok());
  Send();
  Send();
  EXPECT_TRUE(queue_.Acknowledge(2).ok());
  EXPECT_TRUE(Refused(queue_.Acknowledge(1)));
}

TEST_F(StatementQueueTest, AnIndexAnswersMessagesOnly) {
  queue_.Restart({});
  ASSERT_TRUE(queue_.BeginStream(0).ok());
  EXPECT_TRUE(Refused(queue_.Acknowledge(0)));
  Send();
  Send();
  EXPECT_TRUE(queue_.Acknowledge(0).ok());
  EXPECT_TRUE(queue_.Acknowledge(0).ok());
  EXPECT_TRUE(Refused(queue_.Acknowledge(0)));
}

TEST_F(StatementQueueTest, NewsComesUnasked) {
  queue_.Restart(Gone(11, 13));
  ASSERT_TRUE(queue_.BeginStream(0).ok());
  EXPECT_TRUE(queue_.Acknowledge(0, /*has_news=*/true).ok());
  EXPECT_TRUE(Refused(queue_.Acknowledge(0))) << "news is no message of the peer";
  Send();
  EXPECT_TRUE(queue_.Acknowledge(0, /*has_news=*/true).ok());
  EXPECT_TRUE(queue_.Acknowledge(2).ok()) << "the answer still comes";
  EXPECT_TRUE(Refused(queue_.Acknowledge(1, /*has_news=*/true))) << "it goes back";
}

TEST_F(StatementQueueTest, NewsHasALimit) {
  queue_.Restart({});
  ASSERT_TRUE(queue_.BeginStream(0).ok());
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(queue_.Acknowledge(0, /*has_news=*/true).ok());
  EXPECT_TRUE(Refused(queue_.Acknowledge(0, /*has_news=*/true)));
  Send();
  EXPECT_TRUE(queue_.Acknowledge(0, /*has_news=*/true).ok()) << "after a message of the peer";
}

}  // namespace
}  // namespace arkshare
