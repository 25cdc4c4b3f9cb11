#include "services/index/etcd/etcd_log.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "services/index/etcd/testing/fake_world.h"
#include "services/index/shared_log/testing/log_calls.h"
#include "services/index/shared_log/testing/recording_fold.h"

namespace arkshare {
namespace {

using ::testing::IsEmpty;

constexpr char kLogPrefix[] = "/arkshare/1/";

// A live replica over a FakeWorld, with its metrics.
class Replica {
 public:
  explicit Replica(FakeWorld& world) : log_(world.MakeEtcdReplica()) {
    log_->Start(&fold_);
    EXPECT_TRUE(AwaitLive(*log_));
  }
  ~Replica() {
    log_->Stop();
    EXPECT_THAT(fold_.Mistakes(), IsEmpty());
  }

  EtcdLog& log() { return *log_; }
  RecordingFold& fold() { return fold_; }
  uint64_t loads(LoadCause cause) const {
    return log_->metrics().loads[static_cast<size_t>(cause)];
  }
  std::string key() const { return absl::StrCat("r/", log_->replica()); }
  // Waits for a moment, by the log's own time.
  void AMoment() {
    AwaitNow(*log_, std::numeric_limits<int64_t>::max(), absl::Milliseconds(20)).IgnoreError();
  }

 private:
  RecordingFold fold_;
  std::unique_ptr<EtcdLog> log_;
};

TEST(EtcdLogTest, TheFirstReplicaGivesTheLogItsBirth) {
  FakeWorld world;
  Replica replica(world);
  EXPECT_EQ(world.etcd().ValueOf(absl::StrCat(kLogPrefix, "birth")), replica.log().birth());
  EXPECT_EQ(replica.fold().refounded(), 0);
  EXPECT_EQ(replica.loads(LoadCause::kStart), 1u);
}

TEST(EtcdLogTest, KeysAreBehindThePrefixAndOthersAreNotSeen) {
  FakeWorld world;
  world.etcd().Put("/another/s/1", "foreign");
  world.etcd().Put("/arkshare/10/s/1", "foreign");
  Replica replica(world);
  world.etcd().Put("/another/s/2", "foreign");
  ASSERT_TRUE(CommitNow(replica.log(), PutOf("s/1", "mine")).ok());
  EXPECT_EQ(world.etcd().ValueOf(absl::StrCat(kLogPrefix, "s/1")), "mine");
  for (const auto& [key, value] : replica.fold().Values()) EXPECT_NE(value, "foreign") << key;
  // The log's own keys are not told.
  EXPECT_EQ(replica.fold().ValueOf("head"), std::nullopt);
  EXPECT_EQ(replica.fold().ValueOf("birth"), std::nullopt);
}

TEST(EtcdLogTest, RevisionsOfOtherUsersOfEtcdAreReached) {
  FakeWorld world;
  Replica replica(world);
  for (int i = 0; i < 5; ++i) world.etcd().Put("/another/key", absl::StrCat(i));
  const int64_t revision = world.etcd().revision();
  const absl::StatusOr<int64_t> reached = AwaitNow(replica.log(), revision, absl::Seconds(30));
  ASSERT_TRUE(reached.ok()) << reached.status();
  EXPECT_GE(*reached, revision);
}

TEST(EtcdLogTest, ACompactionUnderTheWatchLoadsAgainOnce) {
  FakeWorld world;
  Replica replica(world);
  ASSERT_TRUE(CommitNow(replica.log(), PutOf("s/1", "a")).ok());
  world.etcd().CompactUnderWatches();
  EXPECT_TRUE(replica.fold().AwaitLoads(2));
  ASSERT_TRUE(CommitNow(replica.log(), PutOf("s/2", "b")).ok());
  EXPECT_EQ(replica.loads(LoadCause::kCompacted), 1u);
  EXPECT_EQ(replica.fold().ValueOf("s/1"), "a");
  EXPECT_EQ(replica.fold().refounded(), 0);
}

TEST(EtcdLogTest, AGapLoadsAgain) {
  FakeWorld world;
  Replica replica(world);
  ASSERT_TRUE(CommitNow(replica.log(), PutOf("s/1", "a")).ok());
  world.etcd().LoseEvents(1);
  const CommitAnswer answer = CommitNow(replica.log(), DeleteOf("s/1"));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->made);
  EXPECT_EQ(replica.loads(LoadCause::kGap), 1u);
  EXPECT_EQ(replica.fold().ValueOf("s/1"), std::nullopt);
}

TEST(EtcdLogTest, ALostEndOfALeaseIsFoundByTheBeat) {
  FakeWorld world;
  Replica observer(world);
  std::string gone;
  world.etcd().LoseExpiries();
  {
    Replica other(world);
    gone = other.key();
    ASSERT_TRUE(observer.fold().AwaitKey(gone));
  }
  EXPECT_TRUE(observer.fold().AwaitValue(gone, std::nullopt));
  // More often on a busy machine, where a lease ends that its replica did not renew in time.
  EXPECT_GE(observer.loads(LoadCause::kReplicas), 1u);
}

TEST(EtcdLogTest, AReplicaWhoseLeaseEndedPutsItsKeyAgain) {
  FakeWorld world;
  Replica a(world);
  Replica b(world);
  ASSERT_TRUE(a.fold().AwaitKey(b.key()));
  world.etcd().ExpireLeases();
  // The keys go, and come again.
  EXPECT_TRUE(a.fold().AwaitValue(b.key(), std::nullopt));
  EXPECT_TRUE(a.fold().AwaitKey(b.key()));
  EXPECT_TRUE(b.fold().AwaitKey(a.key()));
  EXPECT_EQ(a.fold().refounded(), 0);
}

TEST(EtcdLogTest, AnOlderBackupIsRefounded) {
  FakeWorld world;
  Replica a(world);
  Replica b(world);
  ASSERT_TRUE(CommitNow(a.log(), PutOf("s/1", "kept")).ok());
  FakeStore backup = world.etcd().Save();
  ASSERT_TRUE(CommitNow(a.log(), PutOf("s/2", "lost")).ok());
  ASSERT_TRUE(MarkNow(b.log()).ok());
  const std::string birth = a.log().birth();
  world.etcd().Restore(std::move(backup));
  EXPECT_TRUE(a.fold().AwaitRefounded(1));
  EXPECT_TRUE(b.fold().AwaitRefounded(1));
  ASSERT_TRUE(AwaitLive(a.log()));
  ASSERT_TRUE(AwaitLive(b.log()));
  EXPECT_NE(a.log().birth(), birth);
  EXPECT_EQ(a.log().birth(), b.log().birth());
  EXPECT_EQ(a.fold().ValueOf("s/1"), "kept");
  EXPECT_EQ(a.fold().ValueOf("s/2"), std::nullopt);
  EXPECT_EQ(b.fold().ValueOf("s/2"), std::nullopt);
}

TEST(EtcdLogTest, AWriteOfALogThatIsLostIsNotMadeInTheNext) {
  FakeWorld world;
  Replica replica(world);
  // The store knows neither the birth nor the guard's revision.
  world.etcd().Wipe();
  const CommitAnswer answer = CommitNow(replica.log(), PutOf("s/1", "old"));
  EXPECT_EQ(GetReason(answer.status()), Reason::kStoreUnreachable) << answer.status();
  ASSERT_TRUE(replica.fold().AwaitRefounded(1));
  ASSERT_TRUE(AwaitLive(replica.log()));
  EXPECT_EQ(replica.fold().ValueOf("s/1"), std::nullopt);
}

TEST(EtcdLogTest, AHangingNodeIsLeft) {
  FakeWorld world(3);
  Replica replica(world);
  for (int node = 0; node < 3; ++node) {
    world.etcd().Pause(node);
    const CommitAnswer answer = CommitNow(replica.log(), PutOf("s/1", absl::StrCat(node)));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(replica.fold().ValueOf("s/1"), absl::StrCat(node));
    world.etcd().Resume(node);
  }
  EXPECT_EQ(replica.fold().refounded(), 0);
  EXPECT_EQ(replica.fold().loads(), 1);
}

TEST(EtcdLogTest, ANodeThatRefusesIsLeft) {
  FakeWorld world(2);
  Replica replica(world);
  for (int i = 0; i < 4; ++i) {
    world.etcd().SetRefusing(i % 2, true);
    const CommitAnswer answer = CommitNow(replica.log(), PutOf("s/1", absl::StrCat(i)));
    ASSERT_TRUE(answer.ok()) << answer.status();
    world.etcd().SetRefusing(i % 2, false);
  }
  EXPECT_EQ(replica.fold().ValueOf("s/1"), "3");
  EXPECT_EQ(replica.fold().loads(), 1);
}

TEST(EtcdLogTest, WritesUnderWayAtACutKeepTheirOrder) {
  FakeWorld world;
  Replica replica(world);
  ASSERT_TRUE(CommitNow(replica.log(), PutOf("c/1", "0", {}, "chain")).ok());
  world.etcd().PauseAll();
  std::future<CommitAnswer> sent = BeginCommit(replica.log(), PutOf("c/1", "1", {}, "chain"));
  ASSERT_TRUE(AwaitCutOff(replica.log()));
  EXPECT_EQ(GetReason(Finish(std::move(sent)).status()), Reason::kStoreUnreachable);
  world.etcd().ResumeAll();
  ASSERT_TRUE(AwaitLive(replica.log()));
  ASSERT_TRUE(CommitNow(replica.log(), PutOf("c/1", "2", {}, "chain")).ok());
  ASSERT_TRUE(MarkNow(replica.log()).ok());
  EXPECT_EQ(replica.fold().ValueOf("c/1"), "2");
}

TEST(EtcdLogTest, ManyMarksShareATransaction) {
  FakeWorld world;
  Replica replica(world);
  const uint64_t before = replica.log().metrics().transactions;
  replica.fold().Hold();
  std::future<CommitAnswer> held = BeginCommit(replica.log(), PutOf("s/1", "a"));
  ASSERT_TRUE(replica.fold().AwaitHeld());
  std::vector<std::future<CommitAnswer>> marks;
  for (int i = 0; i < 1000; ++i) marks.push_back(BeginCommit(replica.log(), {}));
  replica.fold().Resume();
  for (auto& mark : marks) ASSERT_TRUE(Finish(std::move(mark)).ok());
  ASSERT_TRUE(Finish(std::move(held)).ok());
  EXPECT_LT(replica.log().metrics().transactions - before, 500u);
}

TEST(EtcdLogTest, OneReplicaCompactsBelowWhatAllHaveFolded) {
  FakeWorld world;
  world.set_compact(absl::Milliseconds(1));
  Replica a(world);
  Replica b(world);
  const auto compactions = [&] {
    return a.log().metrics().compactions + b.log().metrics().compactions;
  };
  int64_t revision = 0;
  while (compactions() == 0) {
    const CommitAnswer answer = CommitNow(a.log(), PutOf("s/1", absl::StrCat(revision)));
    ASSERT_TRUE(answer.ok()) << answer.status();
    revision = answer->revision;
    ASSERT_LT(revision, 100'000) << "no replica compacts";
    a.AMoment();
  }
  EXPECT_GT(world.etcd().compacted(), 0);
  EXPECT_LE(world.etcd().compacted(), a.log().applied());
  EXPECT_EQ(a.loads(LoadCause::kCompacted) + b.loads(LoadCause::kCompacted), 0u);
}

TEST(EtcdLogTest, AReplicaWithoutEtcdJoinsWhenItComes) {
  FakeWorld world;
  world.etcd().SetRefusing(0, true);
  RecordingFold fold;
  const std::unique_ptr<EtcdLog> log = world.MakeEtcdReplica();
  log->Start(&fold);
  EXPECT_EQ(GetReason(CommitNow(*log, PutOf("s/1", "a")).status()), Reason::kStoreUnreachable);
  EXPECT_EQ(log->state(), SharedLog::State::kJoining);
  EXPECT_EQ(log->birth(), "");
  world.etcd().SetRefusing(0, false);
  EXPECT_TRUE(AwaitLive(*log));
  log->Stop();
}

TEST(EtcdLogTest, StopsWhileEtcdHangs) {
  FakeWorld world;
  RecordingFold fold;
  const std::unique_ptr<EtcdLog> log = world.MakeEtcdReplica();
  log->Start(&fold);
  ASSERT_TRUE(AwaitLive(*log));
  world.etcd().PauseAll();
  std::future<CommitAnswer> commit = BeginCommit(*log, PutOf("s/1", "a"));
  log->Stop();
  const absl::Status status = Finish(std::move(commit)).status();
  EXPECT_TRUE(GetReason(status) == Reason::kShuttingDown ||
              GetReason(status) == Reason::kStoreUnreachable)
      << status;
}

}  // namespace
}  // namespace arkshare
