// Plants mistakes and finds them. Each hides from a replica the evidence that it should heed, so
// that it acts as one that does not look; the checks of the other tests must then fail.
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <future>
#include <string>

#include "services/index/etcd/log_transaction.h"
#include "services/index/etcd/testing/fake_world.h"
#include "services/index/shared_log/testing/log_calls.h"

namespace arkshare {
namespace {

constexpr char kMistakesPrefix[] = "/arkshare/1/";

// True when the replica has folded what etcd has of a key.
bool AgreesWithEtcd(FakeWorld& world, TestReplica& replica, const std::string& key) {
  return MarkNow(replica.log()).ok() &&
         replica.fold().ValueOf(key) == world.etcd().ValueOf(absl::StrCat(kMistakesPrefix, key));
}

// True when a replica that lost an event agrees with etcd afterwards.
bool SurvivesALostEvent(bool hide_gaps) {
  FakeWorld world;
  TestReplica replica(world);
  world.etcd().HideGaps(hide_gaps);
  EXPECT_TRUE(CommitNow(replica.log(), PutOf("s/1", "a")).ok());
  world.etcd().LoseEvents(1);
  EXPECT_TRUE(CommitNow(replica.log(), DeleteOf("s/1")).ok());
  return AgreesWithEtcd(world, replica, "s/1");
}

TEST(MistakeTest, IgnoringAGapOfHeadIsFound) {
  EXPECT_TRUE(SurvivesALostEvent(false));
  EXPECT_FALSE(SurvivesALostEvent(true));
}

// Returns how many watches a replica opens after a compaction until it loads; 50 when it does not.
int WatchesUntilItLoads(bool say_so) {
  FakeWorld world;
  TestReplica replica(world);
  EXPECT_TRUE(CommitNow(replica.log(), PutOf("s/1", "a")).ok());
  const int before = world.etcd().watches();
  // The next revision is compacted too, before the watch comes back for it.
  replica.fold().Hold();
  std::future<CommitAnswer> held = BeginCommit(replica.log(), PutOf("s/1", "b"));
  EXPECT_TRUE(replica.fold().AwaitHeld());
  for (int i = 0; i < 20; ++i)
    world.etcd().Put(absl::StrCat(kMistakesPrefix, "x/1"), absl::StrCat(i));
  world.etcd().CompactUnderWatches(say_so);
  replica.fold().Resume();
  if (say_so) {
    EXPECT_TRUE(replica.fold().AwaitLoads(2));
  } else {
    EXPECT_TRUE(world.etcd().AwaitWatches(before + 50));
  }
  const int opened = world.etcd().watches() - before;
  return replica.fold().loads() > 1 ? opened : 50;
}

TEST(MistakeTest, RetryingAfterACompactionIsFound) {
  EXPECT_LT(WatchesUntilItLoads(true), 5);
  EXPECT_EQ(WatchesUntilItLoads(false), 50);
}

// Returns an etcd that has lost everything but what a replica compares: the birth, and `head` at
// all revisions.
FakeStore WithoutTheEvidence(const FakeStore& lost, const std::string& birth) {
  FakeStore store;
  while (store.revision() < lost.revision()) {
    etcdserverpb::RangeRequest read;
    read.set_key(absl::StrCat(kMistakesPrefix, "head"));
    read.set_revision(store.revision() + 1);
    etcdserverpb::RangeResponse head;
    EXPECT_TRUE(lost.Range(read, &head).ok());
    etcdserverpb::TxnRequest request;
    if (head.kvs().empty() || head.kvs(0).mod_revision() != read.revision()) {
      AddPut("/another/key", "", request.add_success());
    } else {
      if (head.kvs(0).version() == 1) {
        AddPut(absl::StrCat(kMistakesPrefix, "birth"), birth, request.add_success());
      }
      AddPut(absl::StrCat(kMistakesPrefix, "head"), head.kvs(0).value(), request.add_success());
    }
    etcdserverpb::TxnResponse response;
    EXPECT_TRUE(store.Txn(request, &response).ok());
  }
  return store;
}

// True when a replica agrees with an etcd that was wiped under it.
bool SurvivesAWipe(bool hide_the_evidence) {
  FakeWorld world;
  TestReplica replica(world);
  EXPECT_TRUE(CommitNow(replica.log(), PutOf("s/1", "old")).ok());
  world.etcd().PauseAll();
  world.etcd().Restore(hide_the_evidence
                           ? WithoutTheEvidence(world.etcd().Save(), replica.log().birth())
                           : FakeStore());
  world.etcd().ResumeAll();
  EXPECT_TRUE(AwaitLive(replica.log()));
  return AgreesWithEtcd(world, replica, "s/1");
}

// A wiped etcd keeps its cluster id, so a replica that trusts the id is told nothing by it.
TEST(MistakeTest, TrustingTheClusterIdIsFound) {
  EXPECT_TRUE(SurvivesAWipe(false));
  EXPECT_FALSE(SurvivesAWipe(true));
}

}  // namespace
}  // namespace arkshare
