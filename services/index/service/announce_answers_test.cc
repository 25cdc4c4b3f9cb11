#include "services/index/service/announce_answers.h"

#include <gtest/gtest.h>

#include <string>

#include "arkshare/v1/index.pb.h"

namespace arkshare {
namespace {

class AnnounceAnswersTest : public testing::Test {
 protected:
  // The next message; nothing when there is nothing to say.
  std::optional<v1::AnnounceResponse> Take() {
    std::optional<grpc::ByteBuffer> bytes = answers_.Take(updates_);
    if (!bytes.has_value()) return std::nullopt;
    grpc::Slice slice;
    EXPECT_TRUE(bytes->DumpToSingleSlice(&slice).ok());
    v1::AnnounceResponse response;
    EXPECT_TRUE(response.ParseFromArray(slice.begin(), static_cast<int>(slice.size())));
    return response;
  }

  MemberUpdates updates_;
  AnnounceAnswers answers_;
};

TEST_F(AnnounceAnswersTest, SaysNothingBeforeTheFirstAcknowledgement) {
  answers_.AddCall({"the call", 7});
  answers_.SetUnreachable(true);
  EXPECT_FALSE(Take().has_value());
  answers_.Acknowledge(0, 0);
  const std::optional<v1::AnnounceResponse> first = Take();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->acknowledged_sequence(), 0u);
  EXPECT_TRUE(first->unreachable());
  ASSERT_EQ(first->calls_size(), 1);
  EXPECT_EQ(first->calls(0).call_id(), "the call");
  EXPECT_EQ(first->calls(0).caller(), 7u);
}

TEST_F(AnnounceAnswersTest, TheFirstMessageSaysWhereTheRelayIs) {
  answers_ = AnnounceAnswers(50052);
  answers_.Acknowledge(0, 0);
  EXPECT_EQ(Take()->relay_port(), 50052u);
  answers_.Acknowledge(1, 0);
  EXPECT_EQ(Take()->relay_port(), 0u);
}

TEST_F(AnnounceAnswersTest, EachNewsIsToldOnce) {
  answers_.Acknowledge(3, 10);
  EXPECT_EQ(Take()->acknowledged_sequence(), 3u);
  EXPECT_FALSE(Take().has_value());
  answers_.AddCall({"a", 1});
  answers_.AddCall({"b", 2});
  const std::optional<v1::AnnounceResponse> calls = Take();
  ASSERT_TRUE(calls.has_value());
  EXPECT_EQ(calls->calls_size(), 2);
  EXPECT_EQ(calls->acknowledged_sequence(), 3u);
  EXPECT_FALSE(Take().has_value());
  answers_.SetUnreachable(true);
  answers_.SetUnreachable(false);
  EXPECT_FALSE(Take().has_value()) << "nothing has changed for the peer";
}

TEST_F(AnnounceAnswersTest, AnOvertakenAnswerTakesNothingBack) {
  answers_.Acknowledge(5, 20);
  answers_.Acknowledge(4, 19);
  const std::optional<v1::AnnounceResponse> answer = Take();
  EXPECT_EQ(answer->acknowledged_sequence(), 5u);
  EXPECT_EQ(answer->revision(), 20u);
}

TEST_F(AnnounceAnswersTest, CallsThatNoPeerReadsAreDropped) {
  answers_.Acknowledge(0, 0);
  for (int i = 0; i < 1'000; ++i) answers_.AddCall({std::string(16, 'c'), 1});
  EXPECT_EQ(Take()->calls_size(), 64);
}

}  // namespace
}  // namespace arkshare
