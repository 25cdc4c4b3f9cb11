#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>

#include <future>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "services/index/shared_log/testing/conformance.h"
#include "services/index/shared_log/testing/log_calls.h"

namespace arkshare {
namespace {

using ::testing::SizeIs;

void WithoutItsEngineAReplicaIsCutOffAndComesBack(LogWorld& world) {
  TestReplica a(world);
  TestReplica b(world);
  ASSERT_TRUE(CommitNow(a.log(), PutOf("s/1", "before")).ok());
  ASSERT_TRUE(MarkNow(b.log()).ok());
  EXPECT_EQ(a.log().behind(), absl::ZeroDuration());
  world.GoAway();
  const CommitAnswer unknown = CommitNow(a.log(), PutOf("s/2", "sent"));
  EXPECT_EQ(GetReason(unknown.status()), Reason::kStoreUnreachable) << unknown.status();
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE(AwaitCutOff(a.log()));
  EXPECT_GT(a.log().behind(), absl::ZeroDuration());
  const CommitAnswer refused = CommitNow(a.log(), PutOf("s/3", "dropped"));
  EXPECT_EQ(GetReason(refused.status()), Reason::kStoreUnreachable) << refused.status();
  // Reads go on with what was folded.
  EXPECT_EQ(a.fold().ValueOf("s/1"), "before");
  world.ComeBack();
  ASSERT_TRUE(AwaitLive(a.log()));
  ASSERT_TRUE(AwaitLive(b.log()));
  EXPECT_EQ(a.log().behind(), absl::ZeroDuration());
  EXPECT_EQ(a.fold().refounded(), 0);
  EXPECT_EQ(a.fold().ValueOf("s/1"), "before");
  EXPECT_EQ(a.fold().ValueOf("s/3"), std::nullopt) << "a refused write was made later";
  ASSERT_TRUE(CommitNow(a.log(), PutOf("s/4", "after")).ok());
  ASSERT_TRUE(MarkNow(b.log()).ok());
  EXPECT_EQ(b.fold().ValueOf("s/4"), "after");
  EXPECT_EQ(a.Values(), b.Values());
}

void AWriteWhoseOutcomeIsLostIsMadeOnce(LogWorld& world) {
  TestReplica replica(world);
  for (int i = 0; i < 5; ++i) {
    const std::string key = absl::StrCat("n/", i);
    world.LoseOutcomes(1);
    const CommitAnswer answer = CommitNow(replica.log(), PutOf(key, "mine", {{key, 0}}));
    ASSERT_TRUE(answer.ok()) << answer.status();
    // The second try finds what the first one has made.
    if (!answer->made) {
      ASSERT_THAT(answer->found, SizeIs(1));
      EXPECT_EQ(answer->found[0].value, "mine");
      EXPECT_GT(answer->found[0].revision, 0);
    }
    EXPECT_EQ(replica.fold().ValueOf(key), "mine");
  }
}

void LostOutcomesKeepTheOrderOfAChain(LogWorld& world) {
  TestReplica replica(world);
  world.LoseOutcomes(3);
  std::vector<std::future<CommitAnswer>> commits;
  for (int i = 0; i < 100; ++i) {
    commits.push_back(BeginCommit(replica.log(), PutOf("c/1", absl::StrCat(i), {}, "chain")));
  }
  for (auto& commit : commits) {
    const CommitAnswer answer = Finish(std::move(commit));
    ASSERT_TRUE(answer.ok()) << answer.status();
  }
  int last = -1;
  for (const RecordingFold::StepRecord& step : replica.fold().Steps()) {
    for (const LogEvent& event : step.events) {
      if (event.key != "c/1") continue;
      const int number = std::stoi(event.value.value_or("-1"));
      // A write that is sent again is folded twice in a row.
      EXPECT_TRUE(number == last || number == last + 1) << number << " after " << last;
      last = number;
    }
  }
  EXPECT_EQ(last, 99);
}

void LostEventsAreNoticed(LogWorld& world) {
  TestReplica writer(world);
  TestReplica reader(world);
  const int loads = reader.fold().loads();
  ASSERT_TRUE(CommitNow(writer.log(), PutOf("s/1", "kept")).ok());
  ASSERT_TRUE(MarkNow(reader.log()).ok());
  world.LoseEvents(1);
  // Both replicas miss the deletion, and the next event shows them the gap.
  std::future<CommitAnswer> deleted = BeginCommit(writer.log(), DeleteOf("s/1"));
  EXPECT_TRUE(reader.fold().AwaitValue("s/1", std::nullopt));
  EXPECT_TRUE(Finish(std::move(deleted)).ok());
  EXPECT_TRUE(writer.fold().AwaitValue("s/1", std::nullopt));
  ASSERT_TRUE(CommitNow(writer.log(), PutOf("s/2", "next")).ok());
  ASSERT_TRUE(MarkNow(reader.log()).ok());
  EXPECT_EQ(reader.Values(), writer.Values());
  EXPECT_GE(reader.fold().loads(), loads);
  EXPECT_EQ(reader.fold().refounded(), 0);
}

void AWipedEngineIsRefounded(LogWorld& world) {
  TestReplica a(world);
  TestReplica b(world);
  // The new log must not seem to go on where the old one was.
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(CommitNow(a.log(), PutOf(absl::StrCat("s/", i), "old")).ok());
  }
  const std::string birth = a.log().birth();
  world.Wipe();
  ASSERT_TRUE(a.fold().AwaitRefounded(1));
  ASSERT_TRUE(b.fold().AwaitRefounded(1));
  ASSERT_TRUE(AwaitLive(a.log()));
  ASSERT_TRUE(AwaitLive(b.log()));
  EXPECT_NE(a.log().birth(), birth);
  EXPECT_EQ(a.log().birth(), b.log().birth());
  EXPECT_EQ(a.Values(), (std::map<std::string, std::string>{}));
  ASSERT_TRUE(CommitNow(a.log(), PutOf("s/1", "new")).ok());
  ASSERT_TRUE(MarkNow(b.log()).ok());
  EXPECT_EQ(b.Values(), (std::map<std::string, std::string>{{"s/1", "new"}}));
  for (TestReplica* replica : {&a, &b}) {
    EXPECT_TRUE(b.fold().AwaitKey(absl::StrCat("r/", replica->log().replica())));
  }
}

void AFullEngineRefusesWrites(LogWorld& world) {
  TestReplica replica(world);
  ASSERT_TRUE(CommitNow(replica.log(), PutOf("s/1", "kept")).ok());
  world.SetFull(true);
  const CommitAnswer refused = CommitNow(replica.log(), PutOf("s/2", "no room"));
  EXPECT_EQ(GetReason(refused.status()), Reason::kStoreFull) << refused.status();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(replica.fold().ValueOf("s/1"), "kept");
  world.SetFull(false);
  ASSERT_TRUE(AwaitLive(replica.log()));
  ASSERT_TRUE(CommitNow(replica.log(), PutOf("s/3", "room")).ok());
  EXPECT_EQ(replica.fold().ValueOf("s/2"), std::nullopt) << "a refused write was made later";
}

}  // namespace

std::vector<LogCase> FaultLogCases() {
  return {
      {"WithoutItsEngineAReplicaIsCutOffAndComesBack",
       WithoutItsEngineAReplicaIsCutOffAndComesBack,
       {LogFault::kAway}},
      {"AWriteWhoseOutcomeIsLostIsMadeOnce",
       AWriteWhoseOutcomeIsLostIsMadeOnce,
       {LogFault::kLostOutcomes}},
      {"LostOutcomesKeepTheOrderOfAChain",
       LostOutcomesKeepTheOrderOfAChain,
       {LogFault::kLostOutcomes}},
      {"LostEventsAreNoticed", LostEventsAreNoticed, {LogFault::kLostEvents}},
      {"AWipedEngineIsRefounded", AWipedEngineIsRefounded, {LogFault::kWiped}},
      {"AFullEngineRefusesWrites", AFullEngineRefusesWrites, {LogFault::kFull}},
  };
}

}  // namespace arkshare
