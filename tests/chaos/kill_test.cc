// SIGKILL of every program that takes part in a move, at every named step; then the same programs
// again on the same folders. In the end one holder has one verified copy, and the index names it.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/pause_point.h"

namespace arkshare {
namespace {

// The programs that are killed, seen from the peer that has reached the failpoint.
enum class Victim { kItself, kTheOther, kBoth, kIndex };

const char* Name(Victim victim) {
  switch (victim) {
    case Victim::kItself:
      return "Itself";
    case Victim::kTheOther:
      return "TheOther";
    case Victim::kBoth:
      return "Both";
    case Victim::kIndex:
      return "Index";
  }
  return "?";
}

struct Step {
  const char* failpoint;
  // From here on the receiver never gives up, also not after it was killed.
  bool prepared;
};

// In the order in which a move passes them.
constexpr Step kSteps[] = {
    {"receiver.intent", false},     {"receiver.fetched", false},    {"receiver.synced", false},
    {"receiver.prepared", true},    {"source.release_asked", true}, {"source.hidden", true},
    {"source.hidden_synced", true}, {"source.released", true},      {"receiver.released", true},
    {"receiver.owned", true},       {"receiver.admitted", true},    {"receiver.index_told", true},
    {"source.confirm_asked", true}, {"source.unlinked", true},      {"source.gone", true},
    {"receiver.confirmed", true},
};

// One byte, and several pieces with a short last block.
constexpr uint64_t kSizes[] = {1, 3 * 1024 * 1024 + 5};

using Case = std::tuple<Step, Victim, uint64_t>;

class KillTest : public testing::TestWithParam<Case> {};

TEST_P(KillTest, EndsWithOneHolder) {
  const auto& [step, victim, size] = GetParam();
  const std::string book = BookBytes(size, 195);
  const bool at_source = std::string(step.failpoint).starts_with("source.");
  const std::string self = at_source ? "s" : "r";
  const std::string other = at_source ? "r" : "s";

  Cluster cluster;
  PausePoint pause(step.failpoint, cluster.path() + "/pause");
  const std::string setting =
      victim == Victim::kItself ? absl::StrCat(step.failpoint, "=kill") : pause.Setting();
  ASSERT_TRUE(Ok(StartMove(cluster, book, at_source ? setting : "", at_source ? "" : setting)));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));

  if (victim == Victim::kItself) {
    absl::StatusOr<ExitStatus> exit = cluster.peer(self).process().WaitExit();
    ASSERT_TRUE(Ok(exit)) << "the failpoint was never reached";
    ASSERT_EQ(exit->signal, SIGKILL);
    ASSERT_TRUE(Ok(cluster.peer(self).Restart()));
  } else {
    ASSERT_TRUE(Ok(pause.WaitUntilReached()));
    if (victim == Victim::kIndex) {
      cluster.index().process().Kill();
      ASSERT_TRUE(Ok(pause.Resume()));
      ASSERT_TRUE(Ok(cluster.index().KillAndRestart()));
    } else {
      cluster.peer(other).process().Kill();
      if (victim == Victim::kTheOther) {
        ASSERT_TRUE(Ok(pause.Resume()));
      } else {
        cluster.peer(self).process().Kill();
        EXPECT_TRUE(Undamaged(cluster.AllBooks()));
        ASSERT_TRUE(Ok(cluster.peer(self).Restart()));
      }
      ASSERT_TRUE(Ok(cluster.peer(other).Restart()));
    }
  }

  const bool receiver_killed = victim == Victim::kBoth ||
                               (self == "r" && victim == Victim::kItself) ||
                               (other == "r" && victim == Victim::kTheOther);
  // A book of several pieces that began to come goes on after a restart of the receiver.
  const bool begun = step.failpoint != absl::string_view("receiver.intent");
  bool moved = step.prepared || (begun && size > 1);
  if (!receiver_killed) {
    absl::StatusOr<v1::Transfer> transfer = fetch.Await();
    ASSERT_FALSE(absl::IsDeadlineExceeded(transfer.status())) << transfer.status();
    EXPECT_TRUE(transfer.ok() || !step.prepared) << transfer.status();
    moved = transfer.ok();
  }
  EXPECT_TRUE(EndsWith(cluster, {{book, {moved ? "r" : "s"}}}));
}

INSTANTIATE_TEST_SUITE_P(
    EveryStep, KillTest,
    testing::Combine(testing::ValuesIn(kSteps),
                     testing::Values(Victim::kItself, Victim::kTheOther, Victim::kBoth,
                                     Victim::kIndex),
                     testing::ValuesIn(kSizes)),
    [](const testing::TestParamInfo<Case>& info) {
      const std::string step = absl::StrReplaceAll(std::get<0>(info.param).failpoint, {{".", "_"}});
      return absl::StrCat(step, "_kills_", Name(std::get<1>(info.param)), "_",
                          std::get<2>(info.param), "_bytes");
    });

// The same for a release that is refused: the file has another hard link, so it is only lent.
class KillAtRefusalTest : public testing::TestWithParam<Victim> {};

TEST_P(KillAtRefusalTest, BothKeepACopy) {
  const Victim victim = GetParam();
  const std::string book = BookBytes(20'000, 7);
  Cluster cluster;
  WriteBook(cluster.Books("s"), "195", book);
  ASSERT_EQ(link((cluster.Books("s") + "/195").c_str(), (cluster.path() + "/link").c_str()), 0);
  PausePoint pause("source.refusal_recorded", cluster.path() + "/pause");
  ASSERT_TRUE(
      Ok(StartMove(cluster, book,
                   victim == Victim::kItself ? "source.refusal_recorded=kill" : pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  if (victim == Victim::kItself) {
    ASSERT_TRUE(Ok(cluster.peer("s").process().WaitExit()));
    ASSERT_TRUE(Ok(cluster.peer("s").Restart()));
  } else {
    ASSERT_TRUE(Ok(pause.WaitUntilReached()));
    cluster.peer("r").process().Kill();
    if (victim == Victim::kBoth) {
      cluster.peer("s").process().Kill();
      EXPECT_TRUE(Undamaged(cluster.AllBooks()));
      ASSERT_TRUE(Ok(cluster.peer("s").Restart()));
    } else {
      ASSERT_TRUE(Ok(pause.Resume()));
    }
    ASSERT_TRUE(Ok(cluster.peer("r").Restart()));
  }
  if (victim == Victim::kItself) {
    absl::StatusOr<v1::Transfer> transfer = fetch.Await();
    ASSERT_TRUE(Ok(transfer));
    EXPECT_FALSE(transfer->moving());
  }
  EXPECT_TRUE(EndsWith(cluster, {{book, {"r", "s"}}}));
}

INSTANTIATE_TEST_SUITE_P(Everybody, KillAtRefusalTest,
                         testing::Values(Victim::kItself, Victim::kTheOther, Victim::kBoth),
                         [](const auto& info) { return std::string(Name(info.param)); });

// The source dies before it has read a hidden copy that was touched, and so is not proven to be the
// book. It reads the copy after its restart.
TEST(KillBeforeReadingTest, EndsWithOneHolder) {
  const std::string book = BookBytes(3 * 1024 * 1024 + 5, 7);
  Cluster cluster;
  PausePoint pause("source.hidden_synced", cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, book, pause.Setting() + ";source.confirmed=kill")));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  const std::string released = cluster.Books("s") + "/.arkshare/released";
  std::filesystem::permissions(std::filesystem::directory_iterator(released)->path(),
                               std::filesystem::perms::owner_all);
  ASSERT_TRUE(Ok(pause.Resume()));
  ASSERT_TRUE(Ok(cluster.peer("s").process().WaitExit())) << "the failpoint was never reached";
  EXPECT_TRUE(Undamaged(cluster.AllBooks()));
  ASSERT_TRUE(Ok(cluster.peer("s").Restart()));
  EXPECT_TRUE(Ok(fetch.Await()));
  EXPECT_TRUE(EndsWith(cluster, {{book, {"r"}}}));
}

// The index dies with an UpdateOwner in its hands.
class KillIndexTest : public testing::TestWithParam<std::tuple<const char*, Victim>> {};

TEST_P(KillIndexTest, EndsWithOneHolder) {
  const auto& [failpoint, victim] = GetParam();
  const std::string book = BookBytes(20'000, 7);
  Cluster cluster;
  PausePoint pause(failpoint, cluster.path() + "/pause");
  ASSERT_TRUE(Ok(
      StartMove(cluster, book, "", "",
                victim == Victim::kItself ? absl::StrCat(failpoint, "=kill") : pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  if (victim == Victim::kItself) {
    ASSERT_TRUE(Ok(cluster.index().process().WaitExit())) << "the failpoint was never reached";
  } else {
    ASSERT_TRUE(Ok(pause.WaitUntilReached()));
    cluster.peer("r").process().Kill();
    if (victim == Victim::kBoth) {
      cluster.index().process().Kill();
      cluster.peer("s").process().Kill();
      EXPECT_TRUE(Undamaged(cluster.AllBooks()));
    } else {
      ASSERT_TRUE(Ok(pause.Resume()));
      ASSERT_TRUE(Ok(cluster.peer("r").Restart()));
    }
  }
  ASSERT_TRUE(victim == Victim::kTheOther || Ok(cluster.index().KillAndRestart()));
  if (victim == Victim::kBoth) {
    ASSERT_TRUE(Ok(cluster.peer("r").Restart()));
    ASSERT_TRUE(Ok(cluster.peer("s").Restart()));
  }
  EXPECT_TRUE(EndsWith(cluster, {{book, {"r"}}}));
}

INSTANTIATE_TEST_SUITE_P(
    UpdateOwner, KillIndexTest,
    testing::Combine(testing::Values("index.update_received", "index.update_applied"),
                     testing::Values(Victim::kItself, Victim::kTheOther, Victim::kBoth)),
    [](const auto& info) {
      return absl::StrReplaceAll(std::get<0>(info.param), {{".", "_"}}) + "_kills_" +
             Name(std::get<1>(info.param));
    });

// A failpoint that is added to the programs must be added here.
TEST(FailpointsTest, AllAreTested) {
  std::set<std::string> tested = {"source.refusal_recorded", "source.confirmed",
                                  "index.update_received", "index.update_applied", "member.joined"};
  tested.insert({"index.invitation_used", "index.members_saved"});  // kill_group_test
  tested.insert({"wish.recorded", "wish.found", "wish.fetched"});   // kill_wish_test
  for (const Step& step : kSteps) tested.insert(step.failpoint);
  std::set<std::string> found;
  const std::regex failpoint("ARKSHARE_FAILPOINT(_ERROR)?\\(\"([a-z._]+)\"\\)");
  for (const auto& file :
       std::filesystem::recursive_directory_iterator(ARKSHARE_SOURCE_DIR "/services")) {
    if (file.path().extension() != ".cc") continue;
    const std::string text = ReadFile(file.path());
    for (std::sregex_iterator at(text.begin(), text.end(), failpoint), end; at != end; ++at) {
      found.insert((*at)[2]);
    }
  }
  EXPECT_EQ(found, tested);
}

}  // namespace
}  // namespace arkshare
