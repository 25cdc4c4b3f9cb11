#include <gtest/gtest.h>

#include <vector>

#include "services/index/etcd/compaction.h"
#include "services/index/etcd/endpoint_rotation.h"
#include "services/index/etcd/etcd_fault.h"
#include "services/index/etcd/etcd_loader.h"
#include "services/index/etcd/etcd_version.h"
#include "services/index/etcd/etcd_writer.h"
#include "services/index/etcd/presence_check.h"

namespace arkshare {
namespace {

using grpc::StatusCode;

TEST(EtcdFaultTest, EveryAnswerOfEtcdSaysWhatToDo) {
  const struct {
    StatusCode code;
    const char* message;
    EtcdFault fault;
  } kRows[] = {
      {StatusCode::OK, "", EtcdFault::kNone},
      {StatusCode::UNAVAILABLE, "Socket closed", EtcdFault::kUnknownOutcome},
      {StatusCode::UNAVAILABLE, "etcdserver: no leader", EtcdFault::kUnknownOutcome},
      {StatusCode::UNAVAILABLE, "etcdserver: leader changed", EtcdFault::kUnknownOutcome},
      {StatusCode::UNAVAILABLE, "etcdserver: request timed out", EtcdFault::kUnknownOutcome},
      {StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded", EtcdFault::kUnknownOutcome},
      {StatusCode::UNKNOWN, "context deadline exceeded", EtcdFault::kUnknownOutcome},
      {StatusCode::CANCELLED, "CANCELLED", EtcdFault::kUnknownOutcome},
      {StatusCode::INTERNAL, "Received RST_STREAM", EtcdFault::kUnknownOutcome},
      {StatusCode::INVALID_ARGUMENT, "etcdserver: too many operations in txn request",
       EtcdFault::kBadRequest},
      {StatusCode::INVALID_ARGUMENT, "etcdserver: request is too large", EtcdFault::kBadRequest},
      {StatusCode::INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request",
       EtcdFault::kBadRequest},
      {StatusCode::RESOURCE_EXHAUSTED, "grpc: received message larger than max",
       EtcdFault::kBadRequest},
      {StatusCode::RESOURCE_EXHAUSTED, "etcdserver: too many requests",
       EtcdFault::kTooManyRequests},
      {StatusCode::RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded",
       EtcdFault::kNoSpace},
      {StatusCode::NOT_FOUND, "etcdserver: requested lease not found", EtcdFault::kLeaseGone},
      {StatusCode::OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted",
       EtcdFault::kCompacted},
      {StatusCode::OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision",
       EtcdFault::kFutureRevision},
      {StatusCode::PERMISSION_DENIED, "etcdserver: permission denied", EtcdFault::kForbidden},
      {StatusCode::UNAUTHENTICATED, "etcdserver: invalid auth token", EtcdFault::kForbidden},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(FaultOf({row.code, row.message}), row.fault) << row.message;
    EXPECT_FALSE(FaultName(row.fault).empty());
  }
}

TEST(PauseBeforeLoadTest, ReplicasThatLoadForOneReasonDoSoOneAfterTheOther) {
  for (const LoadCause cause : {LoadCause::kCompacted, LoadCause::kGap, LoadCause::kReplicas}) {
    EXPECT_EQ(PauseBeforeLoad(cause, 1, 0.9), absl::ZeroDuration()) << "it is alone";
    EXPECT_EQ(PauseBeforeLoad(cause, 3, 0), absl::ZeroDuration());
    EXPECT_EQ(PauseBeforeLoad(cause, 3, 0.5), absl::Milliseconds(200));
    EXPECT_EQ(PauseBeforeLoad(cause, 100, 0.5), absl::Seconds(1));
  }
  // It has nothing until then.
  for (const LoadCause cause : {LoadCause::kStart, LoadCause::kRefounded}) {
    EXPECT_EQ(PauseBeforeLoad(cause, 100, 0.5), absl::ZeroDuration());
  }
}

TEST(EndpointRotationTest, TheFirstOfSeveralFailuresMovesOn) {
  EndpointRotation rotation(3, 4);
  EXPECT_EQ(rotation.current(), 1u);
  rotation.Failed(1);
  rotation.Failed(1);
  EXPECT_EQ(rotation.current(), 2u);
  rotation.Failed(2);
  EXPECT_EQ(rotation.current(), 0u);
}

TEST(EndpointRotationTest, ItPausesWhenEveryEndpointHasFailed) {
  EndpointRotation rotation(2, 0);
  EXPECT_EQ(rotation.Pause(), absl::ZeroDuration());
  rotation.Failed(0);
  EXPECT_EQ(rotation.Pause(), absl::ZeroDuration());
  rotation.Failed(1);
  EXPECT_EQ(rotation.Pause(), absl::Milliseconds(50));
  for (int i = 0; i < 100; ++i) rotation.Failed(rotation.current());
  EXPECT_EQ(rotation.Pause(), absl::Milliseconds(400));
  rotation.Answered(rotation.current());
  EXPECT_EQ(rotation.Pause(), absl::ZeroDuration());
}

TEST(EtcdVersionTest, BelowThreeFiveTwentyTwoEventsAreLost) {
  for (const char* old : {"3.4.23", "3.4.40", "3.5.0", "3.5.21", "2.9.99", "", "3.5", "x.y.z"}) {
    EXPECT_TRUE(LosesEvents(old)) << old;
  }
  for (const char* good : {"3.5.22", "3.5.100", "3.6.0", "3.6.0-rc.1", "4.0.0"}) {
    EXPECT_FALSE(LosesEvents(good)) << good;
  }
}

TEST(PresenceCheckTest, AKeyThatDiffersAtTwoBeatsIsLost) {
  PresenceCheck check;
  EXPECT_FALSE(check.Differs({"r/a"}, 10, {"r/a", "r/b"}, 9));
  EXPECT_TRUE(check.Differs({"r/a"}, 20, {"r/a", "r/b"}, 15));
  PresenceCheck came;
  EXPECT_FALSE(came.Differs({"r/a", "r/b"}, 10, {"r/a"}, 9));
  EXPECT_TRUE(came.Differs({"r/a", "r/b"}, 20, {"r/a"}, 15));
}

TEST(PresenceCheckTest, AFoldThatIsLateOrMovesOnIsGood) {
  PresenceCheck late;
  EXPECT_FALSE(late.Differs({"r/a"}, 10, {"r/a", "r/b"}, 5));
  EXPECT_FALSE(late.Differs({"r/a"}, 20, {"r/a", "r/b"}, 9));
  PresenceCheck moves;
  EXPECT_FALSE(moves.Differs({"r/a"}, 10, {"r/a", "r/b"}, 10));
  EXPECT_FALSE(moves.Differs({"r/a"}, 20, {"r/a", "r/c"}, 20));
  EXPECT_FALSE(moves.Differs({"r/a"}, 30, {"r/a"}, 30));
  PresenceCheck forgot;
  EXPECT_FALSE(forgot.Differs({"r/a"}, 10, {"r/b"}, 10));
  forgot.Forget();
  EXPECT_FALSE(forgot.Differs({"r/a"}, 20, {"r/b"}, 20));
}

TEST(CompactionTest, NoLiveReplicaNeedsWhatIsCompacted) {
  CompactionState state;
  state.revision = 1000;
  state.written = 300;
  state.compacted = 200;
  state.lowest_applied = 900;
  EXPECT_EQ(ChooseCompaction(state, 0), std::nullopt) << "the first look";
  EXPECT_EQ(ChooseCompaction(state, 500), 500);
  state.lowest_applied = 450;
  EXPECT_EQ(ChooseCompaction(state, 500), 450) << "a replica is behind";
  state.lowest_applied = 200;
  EXPECT_EQ(ChooseCompaction(state, 500), std::nullopt) << "there is nothing to do";
  state.lowest_applied = 0;
  EXPECT_EQ(ChooseCompaction(state, 500), std::nullopt) << "a replica cannot be read";
  state.lowest_applied = 900;
  state.written = 501;
  EXPECT_EQ(ChooseCompaction(state, 500), std::nullopt) << "another replica has done it";
}

TEST(TimeoutOfTryTest, AFewTriesAreShortSoThatAnElectionIsNotWaitedForTwice) {
  const std::vector<double> seconds = {1, 0.5, 0.5, 0.5, 0.5, 1, 2, 4, 4};
  for (size_t i = 0; i < seconds.size(); ++i) {
    EXPECT_EQ(TimeoutOfTry(static_cast<int>(i)), absl::Seconds(seconds[i])) << i;
  }
  EXPECT_EQ(TimeoutOfTry(1'000'000), absl::Seconds(4));
}

}  // namespace
}  // namespace arkshare
