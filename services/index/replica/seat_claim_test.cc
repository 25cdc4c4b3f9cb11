#include "services/index/replica/seat_claim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/core/errors.h"
#include "services/index/replica/steps.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kClaimEpoch = 5;
constexpr int64_t kClaimRevision = 7;

class SeatClaimTest : public testing::Test {
 protected:
  static SharedSession Shared() {
    SharedSession session;
    session.key = TestKey(1);
    session.epoch = kClaimEpoch;
    session.claim.set_replica("a");
    session.claim.set_free_slots(8);
    session.claim_revision = kClaimRevision;
    return session;
  }
  static SharedLog::Outcome Made(int64_t revision) { return {revision, true, {}}; }
  static SharedLog::Outcome NotMade(const std::string& value, int64_t revision) {
    return {revision + 1, false, {{ClaimKey(TestKey(1)), value, revision}}};
  }
  static absl::Status CutOff() { return MakeError(Reason::kStoreUnreachable, "cut off"); }

  // A caller that notes how it was called.
  SeatClaim::Waiting Note(const std::string& name) {
    return [this, name](const absl::Status& status) {
      called_.push_back(status.ok() ? name : name + " failed");
    };
  }
  void End(const SeatClaim::Write& write, const absl::StatusOr<SharedLog::Outcome>& outcome) {
    AfterUnlock after_unlock;
    claim_.EndWrite(write, outcome, after_unlock);
  }
  static replica::ClaimRecord Parsed(const SeatClaim::Write& write) {
    replica::ClaimRecord record;
    EXPECT_TRUE(record.ParseFromString(write.value));
    EXPECT_EQ(write.write.changes.size(), 1u);
    EXPECT_EQ(write.write.changes[0].key, ClaimKey(TestKey(1)));
    EXPECT_EQ(write.write.changes[0].value, write.value);
    return record;
  }

  SeatClaim claim_{Shared()};
  std::vector<std::string> called_;
};

TEST_F(SeatClaimTest, NothingIsWrittenUntilSomethingChanges) {
  EXPECT_FALSE(claim_.BeginWrite().has_value());
  claim_.SetLoad(8, 0);
  claim_.SetPlace("", "");
  EXPECT_FALSE(claim_.dirty()) << "it is so already";
  claim_.SetLoad(3, 1000);
  ASSERT_TRUE(claim_.dirty());
  const auto write = claim_.BeginWrite();
  ASSERT_TRUE(write.has_value());
  const replica::ClaimRecord record = Parsed(*write);
  EXPECT_EQ(record.epoch(), kClaimEpoch);
  EXPECT_EQ(record.replica(), "a");
  EXPECT_EQ(record.free_slots(), 3u);
  EXPECT_EQ(record.upload_limit(), 1000u);
  EXPECT_EQ(write->write.chain, TestKey(1).hex());
}

TEST_F(SeatClaimTest, AChangeIsGuardedByTheClaimAndATakeByTheSession) {
  claim_.Hide();
  auto write = claim_.BeginWrite();
  ASSERT_EQ(write->write.guards.size(), 1u);
  EXPECT_EQ(write->write.guards[0].key, ClaimKey(TestKey(1)));
  EXPECT_EQ(write->write.guards[0].revision, kClaimRevision);
  End(*write, Made(9));
  EXPECT_EQ(claim_.revision(), 9);
  claim_.Take("b", 2);
  EXPECT_TRUE(claim_.taking());
  write = claim_.BeginWrite();
  EXPECT_FALSE(claim_.taking());
  ASSERT_EQ(write->write.guards.size(), 1u);
  EXPECT_EQ(write->write.guards[0].key, SessionKey(TestKey(1)));
  EXPECT_EQ(write->write.guards[0].revision, kClaimEpoch);
  const replica::ClaimRecord record = Parsed(*write);
  EXPECT_EQ(record.replica(), "b");
  EXPECT_EQ(record.stream(), 2u);
  EXPECT_TRUE(record.streaming());
}

TEST_F(SeatClaimTest, OneWriteIsUnderWayAndTheNextOneIsGathered) {
  claim_.SetSilent(true);
  claim_.AwaitWrite(Note("first"));
  const auto first = claim_.BeginWrite();
  EXPECT_TRUE(claim_.busy());
  claim_.SetLoad(1, 0);
  claim_.SetPlace("192.168.1.5:4000", "198.51.100.1");
  claim_.AwaitWrite(Note("second"));
  claim_.AwaitFree(Note("free"));
  EXPECT_FALSE(claim_.BeginWrite().has_value());
  End(*first, Made(9));
  EXPECT_THAT(called_, ElementsAre("first", "free"));
  const auto second = claim_.BeginWrite();
  ASSERT_TRUE(second.has_value());
  const replica::ClaimRecord record = Parsed(*second);
  EXPECT_TRUE(record.silent());
  EXPECT_EQ(record.free_slots(), 1u);
  EXPECT_EQ(record.local_address(), "192.168.1.5:4000");
  EXPECT_EQ(second->write.guards[0].revision, 9);
  End(*second, Made(11));
  EXPECT_THAT(called_, ElementsAre("first", "free", "second"));
  EXPECT_FALSE(claim_.dirty());
}

TEST_F(SeatClaimTest, AWriteThatFailedIsMadeAgainAndTakesAgain) {
  claim_.Take("b", 2);
  claim_.AwaitWrite(Note("open"));
  claim_.AwaitFree(Note("end"));
  const auto write = claim_.BeginWrite();
  End(*write, CutOff());
  EXPECT_THAT(called_, ElementsAre("open failed", "end"));
  EXPECT_TRUE(claim_.dirty());
  EXPECT_TRUE(claim_.taking());
  EXPECT_EQ(claim_.revision(), kClaimRevision);
}

TEST_F(SeatClaimTest, AnotherReplicasClaimIsTold) {
  claim_.Hide();
  const auto write = claim_.BeginWrite();
  End(*write, NotMade("of another replica", 9));
  EXPECT_EQ(claim_.revision(), kClaimRevision);
  EXPECT_FALSE(claim_.dirty());
}

TEST_F(SeatClaimTest, AWriteWhoseAnswerWasLostIsRecognised) {
  claim_.Hide();
  const auto write = claim_.BeginWrite();
  End(*write, NotMade(write->value, 9));
  EXPECT_EQ(claim_.revision(), 9);
}

TEST_F(SeatClaimTest, ThoseWhoWaitAreToldWhenTheSeatIsLeft) {
  claim_.Hide();
  claim_.AwaitWrite(Note("write"));
  claim_.AwaitFree(Note("free"));
  {
    AfterUnlock after_unlock;
    claim_.Leave(after_unlock);
    EXPECT_THAT(called_, IsEmpty()) << "not under the lock";
  }
  EXPECT_THAT(called_, ElementsAre("write", "free"));
}

}  // namespace
}  // namespace arkshare
