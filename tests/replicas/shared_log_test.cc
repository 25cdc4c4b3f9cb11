// The log of all replicas over three real etcd nodes, which are killed, paused, wiped and
// compacted.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "services/index/etcd/etcd_log.h"
#include "services/index/shared_log/testing/conformance.h"
#include "services/index/shared_log/testing/log_calls.h"
#include "tests/replicas/etcd_cluster.h"
#include "tests/support/relay.h"

namespace arkshare {
namespace {

std::unique_ptr<EtcdLog> MakeLog(const std::vector<std::string>& endpoints) {
  EtcdOptions options;
  options.endpoints = endpoints;
  options.compact = absl::ZeroDuration();
  absl::StatusOr<std::unique_ptr<EtcdLog>> log =
      EtcdLog::Make(options, absl::Seconds(7.5), Clock::Real());
  EXPECT_TRUE(log.ok()) << log.status();
  return *std::move(log);
}

class RealWorld : public LogWorld {
 public:
  explicit RealWorld(int64_t quota = 0) : etcd_(quota) {}

  EtcdCluster& etcd() { return etcd_; }

  std::unique_ptr<SharedLog> MakeReplica() override { return MakeLog(etcd_.endpoints()); }
  bool Can(LogFault fault) const override {
    return fault == LogFault::kAway || fault == LogFault::kWiped;
  }
  void GoAway() override {
    for (size_t i = 0; i < EtcdCluster::kNodes; ++i) etcd_.Pause(i);
  }
  void ComeBack() override {
    for (size_t i = 0; i < EtcdCluster::kNodes; ++i) etcd_.Resume(i);
  }
  void Wipe() override { etcd_.Wipe(); }

 private:
  EtcdCluster etcd_;
};

class SharedLogOnEtcdTest : public testing::TestWithParam<LogCase> {
 protected:
  void SetUp() override {
    if (!EtcdCluster::Installed()) GTEST_SKIP() << "etcd-server and etcd-client are not installed";
  }
};

TEST_P(SharedLogOnEtcdTest, Holds) {
  RealWorld world;
  if (!HasFatalFailure()) RunLogCase(GetParam(), world);
}

INSTANTIATE_TEST_SUITE_P(Conformance, SharedLogOnEtcdTest, testing::ValuesIn(LogCases()),
                         LogCaseName);

// Writes at a replica, one after the other, until it is ended; repeats what was not answered well.
class Writer {
 public:
  Writer(SharedLog& log, std::string name)
      : log_(log), name_(std::move(name)), thread_([this] { Run(); }) {}
  ~Writer() { End(); }

  // Returns what was written and answered.
  std::map<std::string, std::string> End() {
    ended_ = true;
    if (thread_.joinable()) thread_.join();
    return answered_;
  }
  int count() const { return count_; }
  // Waits until `more` further writes were answered; false after a minute.
  bool AwaitMore(int more) const {
    const absl::Time end = absl::Now() + absl::Minutes(1);
    const int wanted = count_ + more;
    while (count_ < wanted && absl::Now() < end) {
      // The time that a mark takes; it fails while the replica is cut off.
      MarkNow(log_).IgnoreError();
    }
    return count_ >= wanted;
  }

 private:
  void Run() {
    for (int i = 0; !ended_; ++i) {
      const std::string key = absl::StrCat("s/", name_, "/", i);
      const CommitAnswer answer = CommitNow(log_, PutOf(key, absl::StrCat(i), {{key, 0}}, name_));
      if (answer.ok()) {
        answered_[key] = absl::StrCat(i);
        ++count_;
      } else {
        AwaitNow(log_, log_.applied() + 1, absl::Milliseconds(50)).IgnoreError();
      }
    }
  }

  SharedLog& log_;
  const std::string name_;
  std::map<std::string, std::string> answered_;
  std::atomic<bool> ended_{false};
  std::atomic<int> count_{0};
  std::thread thread_;
};

// Two replicas that write while etcd fails. Afterwards both must have everything that was answered.
class EtcdFailureTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!EtcdCluster::Installed()) GTEST_SKIP() << "etcd-server and etcd-client are not installed";
    world_ = std::make_unique<RealWorld>();
    if (HasFatalFailure()) return;
    a_ = std::make_unique<TestReplica>(*world_);
    b_ = std::make_unique<TestReplica>(*world_);
    at_a_ = std::make_unique<Writer>(a_->log(), "a");
    at_b_ = std::make_unique<Writer>(b_->log(), "b");
    ASSERT_TRUE(WritesGoOn());
  }
  void TearDown() override {
    if (at_a_ == nullptr) return;
    std::map<std::string, std::string> answered = at_a_->End();
    answered.merge(at_b_->End());
    ASSERT_TRUE(AwaitLive(a_->log()));
    ASSERT_TRUE(AwaitLive(b_->log()));
    ASSERT_TRUE(MarkNow(a_->log()).ok());
    ASSERT_TRUE(MarkNow(b_->log()).ok());
    EXPECT_EQ(a_->Values(), b_->Values());
    const std::map<std::string, std::string> values = a_->Values();
    for (const auto& [key, value] : answered) {
      const auto found = values.find(key);
      EXPECT_TRUE(found != values.end() && found->second == value) << key << " is lost";
    }
    EXPECT_EQ(a_->fold().refounded() + b_->fold().refounded(), 0);
  }

  bool WritesGoOn() const { return at_a_->AwaitMore(20) && at_b_->AwaitMore(20); }
  EtcdCluster& etcd() { return world_->etcd(); }
  // A node that does not lead.
  size_t Follower() { return (etcd().Leader() + 1) % EtcdCluster::kNodes; }

  std::unique_ptr<RealWorld> world_;
  std::unique_ptr<TestReplica> a_;
  std::unique_ptr<TestReplica> b_;
  std::unique_ptr<Writer> at_a_;
  std::unique_ptr<Writer> at_b_;
};

TEST_F(EtcdFailureTest, AFollowerIsKilled) {
  const size_t node = Follower();
  etcd().Kill(node);
  EXPECT_TRUE(WritesGoOn());
  etcd().Start(node);
  etcd().AwaitServing();
  EXPECT_TRUE(WritesGoOn());
}

TEST_F(EtcdFailureTest, TheLeaderIsKilled) {
  const size_t node = etcd().Leader();
  ASSERT_LT(node, EtcdCluster::kNodes);
  etcd().Kill(node);
  EXPECT_TRUE(WritesGoOn());
  etcd().Start(node);
  etcd().AwaitServing();
  EXPECT_TRUE(WritesGoOn());
}

TEST_F(EtcdFailureTest, EachNodeIsPaused) {
  for (size_t node = 0; node < EtcdCluster::kNodes; ++node) {
    etcd().Pause(node);
    EXPECT_TRUE(WritesGoOn()) << node;
    etcd().Resume(node);
    etcd().AwaitServing();
  }
  EXPECT_TRUE(WritesGoOn());
}

TEST_F(EtcdFailureTest, AllNodesAreKilledAndComeBack) {
  for (size_t node = 0; node < EtcdCluster::kNodes; ++node) etcd().Kill(node);
  EXPECT_TRUE(AwaitCutOff(a_->log()));
  EXPECT_TRUE(AwaitCutOff(b_->log()));
  for (size_t node = 0; node < EtcdCluster::kNodes; ++node) etcd().Start(node);
  etcd().AwaitServing();
  EXPECT_TRUE(AwaitLive(a_->log()));
  EXPECT_TRUE(AwaitLive(b_->log()));
  EXPECT_TRUE(WritesGoOn());
}

TEST_F(EtcdFailureTest, TheNodesAreUpgradedOneAfterTheOther) {
  if (EtcdCluster::Newer().empty()) {
    GTEST_SKIP() << "no newer etcd: scripts/newer_etcd builds one; set ARKSHARE_NEWER_ETCD to it";
  }
  for (size_t node = 0; node < EtcdCluster::kNodes; ++node) {
    etcd().Replace(node, EtcdCluster::Newer());
    etcd().AwaitServing();
    EXPECT_TRUE(WritesGoOn()) << node;
  }
}

// A replica whose way to etcd is cut, while the others go on and compact.
TEST_F(EtcdFailureTest, CompactedWhileAReplicaIsAway) {
  std::array<Relay, EtcdCluster::kNodes> relays;
  std::vector<std::string> addresses;
  for (size_t i = 0; i < relays.size(); ++i) {
    relays[i].SetTarget(etcd().endpoints()[i]);
    addresses.push_back(relays[i].address());
  }
  const std::unique_ptr<EtcdLog> log = MakeLog(addresses);
  RecordingFold fold;
  log->Start(&fold);
  ASSERT_TRUE(AwaitLive(*log));
  for (Relay& relay : relays) relay.Cut();
  ASSERT_TRUE(AwaitCutOff(*log));
  // Its lease ends, so the others do not wait for it.
  EXPECT_TRUE(a_->fold().AwaitValue(absl::StrCat("r/", log->replica()), std::nullopt));
  EXPECT_TRUE(WritesGoOn());
  const int64_t revision = a_->log().applied();
  EXPECT_GT(revision, log->applied());
  etcd().Compact(revision);
  EXPECT_TRUE(WritesGoOn());
  for (Relay& relay : relays) relay.Mend();
  ASSERT_TRUE(AwaitLive(*log));
  EXPECT_EQ(log->metrics().loads[static_cast<size_t>(LoadCause::kCompacted)], 1u);
  EXPECT_TRUE(a_->fold().AwaitKey(absl::StrCat("r/", log->replica())));
  at_a_->End();
  at_b_->End();
  ASSERT_TRUE(MarkNow(*log).ok());
  ASSERT_TRUE(MarkNow(a_->log()).ok());
  for (const auto& [key, value] : a_->Values()) EXPECT_EQ(fold.ValueOf(key), value) << key;
  log->Stop();
  EXPECT_THAT(fold.Mistakes(), testing::IsEmpty());
}

class EtcdLossTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!EtcdCluster::Installed()) GTEST_SKIP() << "etcd-server and etcd-client are not installed";
  }
};

TEST_F(EtcdLossTest, AnOlderBackupIsAnotherLog) {
  RealWorld world;
  TestReplica a(world);
  TestReplica b(world);
  const CommitAnswer early = CommitNow(a.log(), PutOf("s/early", "x"));
  ASSERT_TRUE(early.ok()) << early.status();
  const std::string backup = world.etcd().Save();
  ASSERT_TRUE(CommitNow(a.log(), PutOf("s/late", "x")).ok());
  ASSERT_TRUE(MarkNow(b.log()).ok());
  const std::string birth = a.log().birth();
  EXPECT_LE(a.log().founded(), early->revision);

  world.etcd().Restore(backup);
  EXPECT_TRUE(a.fold().AwaitRefounded(1));
  EXPECT_TRUE(b.fold().AwaitRefounded(1));
  ASSERT_TRUE(AwaitLive(a.log()));
  ASSERT_TRUE(AwaitLive(b.log()));
  EXPECT_NE(a.log().birth(), birth);
  EXPECT_EQ(a.log().birth(), b.log().birth());
  EXPECT_GT(a.log().founded(), early->revision) << "what the backup has is from before";
  EXPECT_EQ(a.log().founded(), b.log().founded());
  EXPECT_EQ(a.fold().ValueOf("s/early"), "x");
  EXPECT_EQ(a.fold().ValueOf("s/late"), std::nullopt);
  ASSERT_TRUE(CommitNow(b.log(), PutOf("s/again", "x")).ok());
  ASSERT_TRUE(MarkNow(a.log()).ok());
  EXPECT_EQ(a.Values(), b.Values());
}

TEST_F(EtcdLossTest, AFullEtcdRefusesWritesUntilItHasRoomAgain) {
  RealWorld world(/*quota=*/8 * 1024 * 1024);
  TestReplica a(world);
  TestReplica b(world);
  ASSERT_TRUE(CommitNow(a.log(), PutOf("s/kept", "x")).ok());
  const std::string page(900'000, 'x');
  CommitAnswer answer = SharedLog::Outcome();
  for (int i = 0; i < 20 && answer.ok(); ++i) {
    answer = CommitNow(a.log(), PutOf("c/page", page));
  }
  EXPECT_EQ(GetReason(answer.status()), Reason::kStoreFull);
  EXPECT_EQ(GetReason(CommitNow(b.log(), PutOf("s/more", "x")).status()), Reason::kStoreFull);
  // Nothing is lost meanwhile, and no replica seems dead.
  EXPECT_EQ(a.log().state(), SharedLog::State::kLive);
  EXPECT_EQ(b.fold().ValueOf("s/kept"), "x");
  EXPECT_TRUE(b.fold().AwaitKey(absl::StrCat("r/", a.log().replica())));
  world.etcd().MakeRoom();
  ASSERT_TRUE(CommitNow(b.log(), PutOf("s/more", "x")).ok());
  ASSERT_TRUE(MarkNow(a.log()).ok());
  ASSERT_TRUE(MarkNow(b.log()).ok());
  EXPECT_EQ(a.Values(), b.Values());
  EXPECT_EQ(a.fold().ValueOf("s/kept"), "x");
  EXPECT_EQ(a.fold().ValueOf("c/page"), page);
  EXPECT_EQ(a.fold().refounded() + b.fold().refounded(), 0);
}

}  // namespace
}  // namespace arkshare
