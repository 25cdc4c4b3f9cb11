#include "services/peer/fetch/swarm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "lib/core/byte_size.h"
#include "lib/core/errors.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr PiecePlan::StreamId kStream = 1;

BookHolder MemberHolder(uint32_t peer_id, bool partial = false) {
  return {.peer_id = peer_id,
          .key = PrivateKey::Generate().public_key(),
          .address = "192.0.2.1:" + std::to_string(peer_id),
          .name = Must(BookName::Parse("book")),
          .partial = partial};
}

// The threads that share a swarm are played by the test, one after the other.
class SwarmTest : public testing::Test {
 protected:
  explicit SwarmTest(uint64_t size = 4 * kMiB) : book_(FakeBook::OfSize(size)) { queue_.Open(); }

  std::optional<PiecePlan::Range> Begin(Swarm::Member& member, PiecePlan::StreamId stream) {
    IdleWatchdog::Watch watch(&watchdog_, absl::Seconds(5), [] {});
    return swarm_.AwaitRun(member, stream, watch);
  }
  // The holder fails as gRPC reports it, and its only stream ends.
  void FailAndLeave(Swarm::Member& member, const absl::Status& why) {
    swarm_.Fail(member, why);
    swarm_.EndStream(member);
  }
  std::string EndReason() { return swarm_.ended() ? ReasonOf(*swarm_.end()) : "(runs)"; }
  static std::vector<uint32_t> Ids(const std::vector<BookHolder>& holders) {
    std::vector<uint32_t> ids;
    for (const BookHolder& holder : holders) ids.push_back(holder.peer_id);
    return ids;
  }

  FakeClock clock_;
  IdleWatchdog watchdog_{&clock_};
  const FakeBook book_;
  FetchJob job_{.content = book_.id, .find_holders = {}, .source = {}, .on_progress = {}};
  ArrivalQueue queue_{8 * kMiB};
  Swarm swarm_{job_, &queue_, &clock_};
};

TEST_F(SwarmTest, EndsWellWhenAllPiecesAreVerified) {
  Swarm::Member& member = *swarm_.Add(MemberHolder(1), 1);
  const std::optional<PiecePlan::Range> run = Begin(member, kStream);
  ASSERT_EQ(run, (PiecePlan::Range{0, 4}));
  EXPECT_TRUE(swarm_.Received(member, kStream, 0, 4 * kMiB));
  EXPECT_TRUE(swarm_.Wanted(kStream, 4 * kMiB));
  for (uint64_t piece = 0; piece < 4; ++piece) {
    EXPECT_EQ(EndReason(), "(runs)");
    swarm_.Verified(piece);
  }
  EXPECT_EQ(EndReason(), "OK");
  EXPECT_EQ(swarm_.verified_count(), 4U);
  EXPECT_FALSE(swarm_.Wanted(kStream, 4 * kMiB));
  EXPECT_FALSE(queue_.Pop().has_value()) << "closed";
  clock_.Advance(absl::Seconds(2));
  const Swarm::RunStats stats = swarm_.EndRun(member, kStream, *run, absl::OkStatus());
  EXPECT_EQ(stats.bytes, 4 * kMiB);
  EXPECT_EQ(stats.time, absl::Seconds(2));
  EXPECT_EQ(Begin(member, kStream), std::nullopt);
  swarm_.End(absl::InternalError("later"));
  EXPECT_EQ(EndReason(), "OK") << "the first end stays";
}

TEST_F(SwarmTest, ARejectedPieceIsGivenAgain) {
  Swarm::Member& liar = *swarm_.Add(MemberHolder(1), 1);
  ASSERT_EQ(Begin(liar, kStream), (PiecePlan::Range{0, 4}));
  EXPECT_TRUE(swarm_.Received(liar, kStream, 0, kMiB));
  swarm_.Fail(liar, MakeError(Reason::kContentMismatch, "a wrong piece"));
  swarm_.Rejected(0);
  EXPECT_FALSE(swarm_.Received(liar, kStream, kMiB, 2 * kMiB)) << "it failed";
  EXPECT_FALSE(queue_.Reserve(liar.id, 1, [] {}));
  swarm_.EndRun(liar, kStream, {0, 4}, absl::OkStatus());
  EXPECT_FALSE(swarm_.HasLeft(liar));
  swarm_.EndStream(liar);
  EXPECT_TRUE(swarm_.HasLeft(liar));
  Swarm::Member& good = *swarm_.Add(MemberHolder(2), 1);
  EXPECT_EQ(Begin(good, kStream + 1), (PiecePlan::Range{0, 4}));
}

TEST_F(SwarmTest, SelectsNeitherMembersNorLiars) {
  const BookHolder member = MemberHolder(1);
  const BookHolder liar = MemberHolder(2);
  const BookHolder lost = MemberHolder(3);
  const std::vector<BookHolder> found = {member, liar, lost, MemberHolder(4), MemberHolder(5)};
  swarm_.Add(member, 1);
  swarm_.FailHolder(liar, MakeError(Reason::kContentMismatch, "a wrong manifest"));
  FailAndLeave(*swarm_.Add(lost, 1), MakeError(Reason::kPeerUnreachable, "gone"));
  EXPECT_THAT(Ids(swarm_.SelectNew(found, 16)), ElementsAre(3, 4, 5));
  EXPECT_THAT(Ids(swarm_.SelectNew(found, 3)), ElementsAre(3, 4)) << "with the member three";
  EXPECT_THAT(swarm_.SelectNew(found, 1), IsEmpty());
}

TEST_F(SwarmTest, EndsWithTheLastFailureOfAHolderOfTheWholeBook) {
  FailAndLeave(*swarm_.Add(MemberHolder(1), 1), MakeError(Reason::kPeerUnreachable, "gone"));
  FailAndLeave(*swarm_.Add(MemberHolder(2), 1), MakeError(Reason::kContentMismatch, "wrong"));
  FailAndLeave(*swarm_.Add(MemberHolder(3, /*partial=*/true), 1),
               MakeError(Reason::kPieceNotHere, "not here"));
  EXPECT_TRUE(swarm_.AwaitNoMembers(absl::InfiniteDuration()));
  swarm_.EndWithLastFailure(MakeError(Reason::kNoHolderReachable, "none"));
  EXPECT_EQ(EndReason(), "CONTENT_MISMATCH");
  EXPECT_FALSE(swarm_.AwaitNoMembers(absl::InfiniteDuration())) << "it has ended";
  EXPECT_FALSE(swarm_.Sleep(absl::InfiniteDuration()));
}

TEST_F(SwarmTest, EndsWithTheFallbackWhenOnlyAHolderOfAPartFailed) {
  swarm_.FailHolder(MemberHolder(1, /*partial=*/true),
                    MakeError(Reason::kPieceNotHere, "not here"));
  swarm_.EndWithLastFailure(MakeError(Reason::kNoHolderReachable, "none"));
  EXPECT_EQ(EndReason(), "NO_HOLDER_REACHABLE");
}

TEST_F(SwarmTest, ACancelledCallOfAHolderDoesNotMeanThatThisPeerStops) {
  swarm_.FailHolder(MemberHolder(1), absl::CancelledError("by a proxy"));
  swarm_.EndWithLastFailure(MakeError(Reason::kNoHolderReachable, "none"));
  EXPECT_EQ(EndReason(), "PEER_UNREACHABLE");
}

TEST_F(SwarmTest, OnlyTheSourceCanSayThatTheBookMoved) {
  const BookHolder source = MemberHolder(1);
  job_.source = source.key;
  swarm_.FailHolder(MemberHolder(2), MakeError(Reason::kBookMoved, "moved"));
  EXPECT_EQ(EndReason(), "(runs)");
  swarm_.FailHolder(source, MakeError(Reason::kBookMoved, "moved"));
  EXPECT_EQ(EndReason(), "BOOK_MOVED");
}

TEST_F(SwarmTest, RemembersWhatABusyHolderAskedForOnce) {
  EXPECT_EQ(swarm_.TakeRetryAfter(), absl::ZeroDuration());
  swarm_.FailHolder(MemberHolder(1), MakeError(Reason::kQueueFull, "full", {}, absl::Seconds(7)));
  EXPECT_EQ(swarm_.TakeRetryAfter(), absl::Seconds(7));
  EXPECT_EQ(swarm_.TakeRetryAfter(), absl::ZeroDuration());
}

TEST_F(SwarmTest, FailuresAndTheEndCancelCalls) {
  Swarm::Member& first = *swarm_.Add(MemberHolder(1), 1);
  Swarm::Member& second = *swarm_.Add(MemberHolder(2), 1);
  grpc::ClientContext call;
  EXPECT_TRUE(swarm_.BeginCall(&first, &call));
  swarm_.EndCall(&first, &call);
  swarm_.Fail(first, MakeError(Reason::kPeerUnreachable, "gone"));
  EXPECT_FALSE(swarm_.BeginCall(&first, &call)) << "it failed";
  EXPECT_TRUE(swarm_.BeginCall(&second, &call));
  swarm_.EndCall(&second, &call);
  EXPECT_TRUE(swarm_.BeginCall(nullptr, &call));
  swarm_.EndCall(nullptr, &call);
  swarm_.End(absl::CancelledError("the peer is stopping"));
  EXPECT_FALSE(swarm_.BeginCall(&second, &call));
  EXPECT_FALSE(swarm_.BeginCall(nullptr, &call));
}

TEST_F(SwarmTest, AHolderOfAPartGetsThePiecesOfItsNews) {
  Swarm::Member& part = *swarm_.Add(MemberHolder(1, /*partial=*/true), 1);
  google::protobuf::RepeatedField<uint32_t> pieces;
  pieces.Add(2);
  swarm_.AddPieces(part, pieces, /*whole=*/false);
  EXPECT_EQ(Begin(part, kStream), (PiecePlan::Range{2, 3}));
  EXPECT_TRUE(swarm_.Received(part, kStream, 2 * kMiB, 3 * kMiB));
  EXPECT_FALSE(swarm_.Wanted(kStream, 3 * kMiB)) << "its run has ended";
  swarm_.EndRun(part, kStream, {2, 3}, absl::OkStatus());
  swarm_.AddPieces(part, {}, /*whole=*/true);
  EXPECT_TRUE(Begin(part, kStream).has_value());
}

class OnePieceSwarmTest : public SwarmTest {
 protected:
  OnePieceSwarmTest() : SwarmTest(1000) {}
};

TEST_F(OnePieceSwarmTest, AStreamWithoutARunEndsAtOnce) {
  Swarm::Member& member = *swarm_.Add(MemberHolder(1), 1);
  ASSERT_EQ(Begin(member, kStream), (PiecePlan::Range{0, 1}));
  EXPECT_TRUE(swarm_.Received(member, kStream, 0, 600));
  EXPECT_TRUE(swarm_.Wanted(kStream, 600));
  EXPECT_TRUE(swarm_.Received(member, kStream, 600, 1000));
  EXPECT_EQ(Begin(member, kStream + 1), std::nullopt);
}

}  // namespace
}  // namespace arkshare
