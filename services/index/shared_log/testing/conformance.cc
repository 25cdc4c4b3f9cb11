#include "services/index/shared_log/testing/conformance.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>

#include <future>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "services/index/shared_log/testing/log_calls.h"

namespace arkshare {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

std::string PresenceKey(SharedLog& log) { return absl::StrCat("r/", log.replica()); }

void AWriteIsFoldedBeforeItsAnswer(LogWorld& world) {
  TestReplica replica(world);
  for (int i = 0; i < 20; ++i) {
    const std::string key = absl::StrCat("s/", i);
    const CommitAnswer answer = CommitNow(replica.log(), PutOf(key, "value"));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_TRUE(answer->made);
    EXPECT_EQ(replica.fold().RevisionOf(key), answer->revision);
    EXPECT_GE(replica.log().applied(), answer->revision);
  }
}

void EveryReplicaFoldsTheSame(LogWorld& world) {
  TestReplica a(world);
  TestReplica b(world);
  std::vector<std::future<CommitAnswer>> commits;
  for (int i = 0; i < 200; ++i) {
    SharedLog& log = i % 2 == 0 ? a.log() : b.log();
    commits.push_back(
        BeginCommit(log, PutOf(absl::StrCat("s/", i % 7), absl::StrCat(log.replica(), "-", i))));
  }
  for (auto& commit : commits) {
    const CommitAnswer answer = Finish(std::move(commit));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_TRUE(answer->made);
  }
  ASSERT_TRUE(MarkNow(a.log()).ok());
  ASSERT_TRUE(MarkNow(b.log()).ok());
  EXPECT_THAT(a.Values(), SizeIs(7));
  EXPECT_EQ(a.Values(), b.Values());
  for (int i = 0; i < 7; ++i) {
    const std::string key = absl::StrCat("s/", i);
    EXPECT_EQ(a.fold().RevisionOf(key), b.fold().RevisionOf(key));
  }
}

void ALateReplicaLoadsWhatTheOthersFolded(LogWorld& world) {
  TestReplica early(world);
  for (const char* key : {"c/1", "t/1", "l/1", "n/1", "s/1", "s/2"}) {
    ASSERT_TRUE(CommitNow(early.log(), PutOf(key, absl::StrCat("value of ", key))).ok());
  }
  ASSERT_TRUE(CommitNow(early.log(), DeleteOf("s/2")).ok());
  TestReplica late(world);
  EXPECT_EQ(late.Values(), early.Values());
  EXPECT_EQ(late.fold().ValueOf("s/2"), std::nullopt);
  EXPECT_EQ(late.fold().RevisionOf("t/1"), early.fold().RevisionOf("t/1"));
  EXPECT_EQ(late.log().birth(), early.log().birth());
  EXPECT_THAT(late.log().birth(), SizeIs(16));
  EXPECT_NE(late.log().replica(), early.log().replica());
  EXPECT_THAT(late.log().replica(), SizeIs(16));
}

void ManyKeysAreLoaded(LogWorld& world) {
  TestReplica early(world);
  std::vector<std::future<CommitAnswer>> commits;
  for (int i = 0; i < 12; ++i) {
    SharedLog::Write write;
    for (int k = 0; k < 100; ++k) write.changes.push_back({absl::StrCat("c/", i, "/", k), "v"});
    commits.push_back(BeginCommit(early.log(), std::move(write)));
  }
  for (auto& commit : commits) ASSERT_TRUE(Finish(std::move(commit)).ok());
  TestReplica late(world);
  EXPECT_THAT(late.Values(), SizeIs(1200));
  EXPECT_EQ(late.Values(), early.Values());
}

void AWriteIsOneStep(LogWorld& world) {
  TestReplica writer(world);
  TestReplica reader(world);
  ASSERT_TRUE(CommitNow(writer.log(), PutOf("s/old", "x")).ok());
  SharedLog::Write write;
  write.changes = {{"c/1", "page"}, {"s/old", std::nullopt}, {"t/1", "grave"}};
  const CommitAnswer answer = CommitNow(writer.log(), write);
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_TRUE(AwaitNow(reader.log(), answer->revision, absl::Seconds(20)).ok());
  std::vector<std::string> keys;
  for (const RecordingFold::StepRecord& step : reader.fold().Steps()) {
    if (step.revision != answer->revision) continue;
    for (const LogEvent& event : step.events) {
      if (!absl::StartsWith(event.key, "r/")) keys.push_back(event.key);
    }
  }
  // In the order of the changes.
  EXPECT_THAT(keys, ElementsAre("c/1", "s/old", "t/1"));
  EXPECT_EQ(reader.fold().ValueOf("s/old"), std::nullopt);
}

void AGuardThatHoldsLetsAWriteBeMade(LogWorld& world) {
  TestReplica replica(world);
  const CommitAnswer first = CommitNow(replica.log(), PutOf("s/1", "a", {{"s/1", 0}}));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->made);
  const CommitAnswer second =
      CommitNow(replica.log(), PutOf("s/1", "b", {{"s/1", first->revision}, {"l/1", 0}}));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->made);
  EXPECT_EQ(replica.fold().ValueOf("s/1"), "b");
}

void AGuardThatDoesNotHoldTellsWhatIsThere(LogWorld& world) {
  TestReplica writer(world);
  TestReplica other(world);
  const CommitAnswer first = CommitNow(writer.log(), PutOf("s/1", "a"));
  ASSERT_TRUE(first.ok()) << first.status();
  const CommitAnswer late =
      CommitNow(other.log(), PutOf("c/1", "page", {{"l/1", 0}, {"s/1", first->revision + 1}}));
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_FALSE(late->made);
  ASSERT_THAT(late->found, SizeIs(2));
  EXPECT_EQ(late->found[0].key, "l/1");
  EXPECT_EQ(late->found[0].revision, 0);
  EXPECT_EQ(late->found[1].key, "s/1");
  EXPECT_EQ(late->found[1].value, "a");
  EXPECT_EQ(late->found[1].revision, first->revision);
  // This replica has folded it too.
  EXPECT_EQ(other.fold().ValueOf("s/1"), "a");
  EXPECT_GE(other.log().applied(), late->revision);
  EXPECT_EQ(other.fold().ValueOf("c/1"), std::nullopt);
}

void OneFailedGuardHarmsNoOtherWrite(LogWorld& world) {
  TestReplica replica(world);
  ASSERT_TRUE(CommitNow(replica.log(), PutOf("s/taken", "a")).ok());
  std::vector<std::future<CommitAnswer>> commits;
  for (int i = 0; i < 60; ++i) {
    const bool fails = i % 3 == 0;
    commits.push_back(BeginCommit(
        replica.log(),
        PutOf(absl::StrCat("c/", i), "page", {{fails ? "s/taken" : absl::StrCat("s/", i), 0}})));
  }
  for (int i = 0; i < 60; ++i) {
    const CommitAnswer answer = Finish(std::move(commits[i]));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->made, i % 3 != 0) << i;
    EXPECT_EQ(replica.fold().ValueOf(absl::StrCat("c/", i)).has_value(), i % 3 != 0) << i;
  }
}

void OfTwoThatCreateAKeyOneSucceeds(LogWorld& world) {
  TestReplica a(world);
  TestReplica b(world);
  for (int i = 0; i < 20; ++i) {
    const std::string key = absl::StrCat("n/", i);
    std::future<CommitAnswer> at_a = BeginCommit(a.log(), PutOf(key, "a", {{key, 0}}));
    std::future<CommitAnswer> at_b = BeginCommit(b.log(), PutOf(key, "b", {{key, 0}}));
    const CommitAnswer from_a = Finish(std::move(at_a));
    const CommitAnswer from_b = Finish(std::move(at_b));
    ASSERT_TRUE(from_a.ok() && from_b.ok()) << from_a.status() << from_b.status();
    EXPECT_NE(from_a->made, from_b->made);
    const std::string winner = from_a->made ? "a" : "b";
    EXPECT_EQ((from_a->made ? from_b : from_a)->found[0].value, winner);
    EXPECT_EQ(a.fold().ValueOf(key), winner);
    EXPECT_EQ(b.fold().ValueOf(key), winner);
  }
}

void AChainKeepsItsOrder(LogWorld& world) {
  TestReplica replica(world);
  std::vector<std::future<CommitAnswer>> commits;
  for (int i = 0; i < 300; ++i) {
    commits.push_back(
        BeginCommit(replica.log(), PutOf(absl::StrCat("c/", i % 5), absl::StrCat(i), {}, "chain")));
    commits.push_back(BeginCommit(replica.log(), PutOf(absl::StrCat("l/", i), "load")));
  }
  for (auto& commit : commits) ASSERT_TRUE(Finish(std::move(commit)).ok());
  int last = -1;
  for (const RecordingFold::StepRecord& step : replica.fold().Steps()) {
    for (const LogEvent& event : step.events) {
      if (!absl::StartsWith(event.key, "c/")) continue;
      const int number = std::stoi(event.value.value_or("-1"));
      EXPECT_EQ(number, last + 1);
      last = number;
    }
  }
  EXPECT_EQ(last, 299);
}

void AMarkShowsWhatWasCommittedAnywhere(LogWorld& world) {
  TestReplica writer(world);
  TestReplica reader(world);
  for (int i = 0; i < 30; ++i) {
    const CommitAnswer answer = CommitNow(writer.log(), PutOf("s/1", absl::StrCat(i)));
    ASSERT_TRUE(answer.ok()) << answer.status();
    const absl::StatusOr<int64_t> mark = MarkNow(reader.log());
    ASSERT_TRUE(mark.ok()) << mark.status();
    EXPECT_GE(*mark, answer->revision);
    EXPECT_GE(reader.log().applied(), *mark);
    EXPECT_EQ(reader.fold().ValueOf("s/1"), absl::StrCat(i));
  }
}

void AwaitReturnsAtItsRevision(LogWorld& world) {
  TestReplica writer(world);
  TestReplica reader(world);
  const CommitAnswer answer = CommitNow(writer.log(), PutOf("s/1", "a"));
  ASSERT_TRUE(answer.ok()) << answer.status();
  const absl::StatusOr<int64_t> reached =
      AwaitNow(reader.log(), answer->revision, absl::Seconds(20));
  ASSERT_TRUE(reached.ok()) << reached.status();
  EXPECT_GE(*reached, answer->revision);
  EXPECT_EQ(reader.fold().ValueOf("s/1"), "a");
  const absl::StatusOr<int64_t> never = AwaitNow(reader.log(), kNever, absl::Milliseconds(50));
  EXPECT_EQ(GetReason(never.status()), Reason::kIndexBehind) << never.status();
}

void TheKeyOfAReplicaLivesAsLongAsTheReplica(LogWorld& world) {
  TestReplica observer(world);
  EXPECT_TRUE(observer.fold().ValueOf(PresenceKey(observer.log())).has_value());
  std::string gone;
  {
    TestReplica other(world);
    gone = PresenceKey(other.log());
    ASSERT_TRUE(MarkNow(observer.log()).ok());
    EXPECT_TRUE(observer.fold().ValueOf(gone).has_value());
    other.log().Stop();
    // Its end does not remove the key: its peers have the time of a lease to go elsewhere.
    ASSERT_TRUE(MarkNow(observer.log()).ok());
    EXPECT_TRUE(observer.fold().ValueOf(gone).has_value());
  }
  EXPECT_TRUE(observer.fold().AwaitValue(gone, std::nullopt));
  EXPECT_TRUE(observer.fold().ValueOf(PresenceKey(observer.log())).has_value());
}

void StopAnswersEveryCall(LogWorld& world) {
  RecordingFold fold;
  const std::unique_ptr<SharedLog> log = world.MakeReplica();
  log->Start(&fold);
  ASSERT_TRUE(AwaitLive(*log));
  fold.Hold();
  std::future<CommitAnswer> commit = BeginCommit(*log, PutOf("s/1", "a"));
  ASSERT_TRUE(fold.AwaitHeld());
  std::thread stopper([&log] { log->Stop(); });
  fold.Resume();
  stopper.join();
  const CommitAnswer answer = Finish(std::move(commit));
  EXPECT_TRUE(answer.ok() || GetReason(answer.status()) == Reason::kShuttingDown)
      << answer.status();
  EXPECT_EQ(GetReason(CommitNow(*log, PutOf("s/2", "a")).status()), Reason::kShuttingDown);
  EXPECT_EQ(GetReason(MarkNow(*log).status()), Reason::kShuttingDown);
  EXPECT_EQ(GetReason(AwaitNow(*log, kNever, absl::Hours(1)).status()), Reason::kShuttingDown);
  log->Stop();
  EXPECT_THAT(fold.Mistakes(), IsEmpty());
}

}  // namespace

TestReplica::TestReplica(LogWorld& world) : log_(world.MakeReplica()) {
  log_->Start(&fold_);
  EXPECT_TRUE(AwaitLive(*log_)) << "a replica does not become live";
}

TestReplica::~TestReplica() {
  log_->Stop();
  EXPECT_THAT(fold_.Mistakes(), IsEmpty());
}

std::map<std::string, std::string> TestReplica::Values() const {
  std::map<std::string, std::string> values = fold_.Values();
  std::erase_if(values, [](const auto& value) {
    const int place = LogOrder(value.first);
    return place < LogOrder("s/") || place > LogOrder("c/");
  });
  return values;
}

std::vector<LogCase> PlainLogCases() {
  return {
      {"AWriteIsFoldedBeforeItsAnswer", AWriteIsFoldedBeforeItsAnswer},
      {"EveryReplicaFoldsTheSame", EveryReplicaFoldsTheSame},
      {"ALateReplicaLoadsWhatTheOthersFolded", ALateReplicaLoadsWhatTheOthersFolded},
      {"ManyKeysAreLoaded", ManyKeysAreLoaded},
      {"AWriteIsOneStep", AWriteIsOneStep},
      {"AGuardThatHoldsLetsAWriteBeMade", AGuardThatHoldsLetsAWriteBeMade},
      {"AGuardThatDoesNotHoldTellsWhatIsThere", AGuardThatDoesNotHoldTellsWhatIsThere},
      {"OneFailedGuardHarmsNoOtherWrite", OneFailedGuardHarmsNoOtherWrite},
      {"OfTwoThatCreateAKeyOneSucceeds", OfTwoThatCreateAKeyOneSucceeds},
      {"AChainKeepsItsOrder", AChainKeepsItsOrder},
      {"AMarkShowsWhatWasCommittedAnywhere", AMarkShowsWhatWasCommittedAnywhere},
      {"AwaitReturnsAtItsRevision", AwaitReturnsAtItsRevision},
      {"TheKeyOfAReplicaLivesAsLongAsTheReplica", TheKeyOfAReplicaLivesAsLongAsTheReplica},
      {"StopAnswersEveryCall", StopAnswersEveryCall},
  };
}

std::vector<LogCase> LogCases() {
  std::vector<LogCase> all = PlainLogCases();
  for (LogCase& log_case : FaultLogCases()) all.push_back(std::move(log_case));
  return all;
}

void RunLogCase(const LogCase& log_case, LogWorld& world) {
  for (const LogFault fault : log_case.needs) {
    if (!world.Can(fault)) GTEST_SKIP() << "this engine cannot fail in this way on command";
  }
  log_case.run(world);
}

std::string LogCaseName(const testing::TestParamInfo<LogCase>& info) { return info.param.name; }

std::ostream& operator<<(std::ostream& out, const LogCase& log_case) {
  return out << log_case.name;
}

}  // namespace arkshare
