// A received book whose source is gone, kept as a copy by its owner; then the source comes back.
#include <absl/strings/match.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "lib/core/errors.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/pause_point.h"

namespace arkshare {
namespace {

const std::string kBook = BookBytes(300'000, 195);

bool Waits(const v1::Transfer& transfer) {
  return transfer.state() == v1::TRANSFER_STATE_HANDING_OVER && transfer.moving() &&
         !transfer.message().empty();
}

// The source is killed here, and the receiver waits for it.
class KeepTest : public testing::Test {
 protected:
  void LoseSource(const std::string& failpoint, const std::string& receiver_failpoints = "") {
    ASSERT_TRUE(Ok(StartMove(cluster_, kBook, failpoint + "=kill", receiver_failpoints)));
    fetch_ = std::make_unique<PendingFetch>(cluster_.peer("r"), Wish("195"));
    ASSERT_TRUE(Ok(cluster_.peer("s").process().WaitExit())) << "the failpoint was never reached";
    ASSERT_TRUE(fetch_->WaitFor(Waits));
    id_ = fetch_->last().transfer_id();
  }

  // Starts the source again, and checks what it has: its hidden copy, or the book that it shares.
  void SourceReturns(bool released) {
    ASSERT_TRUE(Undamaged(cluster_.AllBooks()));
    ASSERT_TRUE(Ok(cluster_.peer("s").Restart()));
    absl::StatusOr<v1::ListLimboResponse> limbo = Limbo(cluster_.peer("s"));
    ASSERT_TRUE(Ok(limbo));
    ASSERT_EQ(limbo->entries_size(), released ? 1 : 0);
    if (released) {
      EXPECT_EQ(limbo->entries(0).transfer_id(), id_);
      EXPECT_TRUE(cluster_.WaitForHolders(ContentOf(kBook), {"r"}));
      EXPECT_TRUE(Undamaged(cluster_.AllBooks()));
      ASSERT_TRUE(Ok(RestoreLimbo(cluster_.peer("s"), id_)));
    }
    EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r", "s"}}}));
  }

  Cluster cluster_;
  std::unique_ptr<PendingFetch> fetch_;
  std::string id_;
};

struct Case {
  const char* source_dies_at;
  bool released;
};
constexpr Case kCases[] = {{"source.release_asked", false}, {"source.released", true}};

std::string NameOf(const char* failpoint) { return absl::StrReplaceAll(failpoint, {{".", "_"}}); }

class KeepWithoutSourceTest : public KeepTest, public testing::WithParamInterface<Case> {};

TEST_P(KeepWithoutSourceTest, IsACopy) {
  ASSERT_NO_FATAL_FAILURE(LoseSource(GetParam().source_dies_at));
  absl::StatusOr<v1::KeepTransferResponse> kept = Keep(cluster_.peer("r"), id_);
  ASSERT_TRUE(Ok(kept));
  EXPECT_EQ(kept->listing().name(), "195");
  EXPECT_FALSE(kept->moved());
  absl::StatusOr<v1::Transfer> transfer = fetch_->Await();
  ASSERT_TRUE(Ok(transfer));
  EXPECT_FALSE(transfer->moving());
  EXPECT_THAT(transfer->message(), testing::HasSubstr("kept as a copy"));
  EXPECT_TRUE(cluster_.WaitForHolders(ContentOf(kBook), {"r"}));

  absl::StatusOr<v1::KeepTransferResponse> again = Keep(cluster_.peer("r"), id_);
  ASSERT_TRUE(Ok(again));
  EXPECT_EQ(again->SerializeAsString(), kept->SerializeAsString());
  SourceReturns(GetParam().released);
}

INSTANTIATE_TEST_SUITE_P(SourceDiesAt, KeepWithoutSourceTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return NameOf(info.param.source_dies_at); });

// The receiver is killed as soon as the book is recorded as kept, or as it is in the folder.
class KeepAndKillTest : public KeepTest,
                        public testing::WithParamInterface<std::tuple<Case, const char*>> {};

TEST_P(KeepAndKillTest, IsKeptAfterARestart) {
  const auto& [at, failpoint] = GetParam();
  ASSERT_NO_FATAL_FAILURE(LoseSource(at.source_dies_at, std::string(failpoint) + "=kill"));
  EXPECT_FALSE(Keep(cluster_.peer("r"), id_).ok());
  absl::StatusOr<ExitStatus> exit = cluster_.peer("r").process().WaitExit();
  ASSERT_TRUE(Ok(exit)) << "the failpoint was never reached";
  EXPECT_TRUE(Undamaged(cluster_.AllBooks()));
  ASSERT_TRUE(Ok(cluster_.peer("r").Restart()));
  EXPECT_TRUE(cluster_.WaitListed("r", "195", kBook));
  SourceReturns(at.released);
}

INSTANTIATE_TEST_SUITE_P(BothDieAt, KeepAndKillTest,
                         testing::Combine(testing::ValuesIn(kCases),
                                          testing::Values("receiver.owned", "receiver.admitted")),
                         [](const auto& info) {
                           return NameOf(std::get<0>(info.param).source_dies_at) + "_" +
                                  NameOf(std::get<1>(info.param));
                         });

// The receiver is killed before that: it knows nothing of it, and the source's word counts again.
TEST_F(KeepTest, WithoutAnAnswerNothingIsDecided) {
  ASSERT_NO_FATAL_FAILURE(LoseSource("source.released"));
  cluster_.peer("r").process().Kill();
  ASSERT_TRUE(Ok(cluster_.peer("r").Restart()));
  ASSERT_TRUE(Ok(cluster_.peer("s").Restart()));
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}}));
}

// The source has the call in its hands while the owner decides: what it says counts.
TEST_F(KeepTest, ATicketThatArrivesMeanwhileMakesItAMove) {
  PausePoint pause("source.release_asked", cluster_.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster_, kBook, pause.Setting())));
  fetch_ = std::make_unique<PendingFetch>(cluster_.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  ASSERT_TRUE(fetch_->WaitFor([](const v1::Transfer& transfer) {
    return transfer.state() == v1::TRANSFER_STATE_HANDING_OVER;
  }));
  id_ = fetch_->last().transfer_id();
  absl::StatusOr<v1::KeepTransferResponse> kept;
  std::thread keeper([&] { kept = Keep(cluster_.peer("r"), id_); });
  EXPECT_TRUE(fetch_->WaitFor([](const v1::Transfer& transfer) {
    return absl::StartsWith(transfer.message(), "to be kept");
  }));
  EXPECT_TRUE(Ok(pause.Resume()));
  keeper.join();
  ASSERT_TRUE(Ok(kept));
  EXPECT_TRUE(kept->moved());
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}}));
}

TEST_F(KeepTest, RefusesWhatDoesNotWait) {
  ASSERT_TRUE(Ok(StartMove(cluster_, kBook)));
  absl::StatusOr<v1::Transfer> done = cluster_.Get("r", "195");
  ASSERT_TRUE(Ok(done));
  PeerProcess& r = cluster_.peer("r");
  EXPECT_EQ(GetReason(Keep(r, done->transfer_id()).status()), Reason::kTransferNotWaiting);
  EXPECT_EQ(GetReason(Keep(r, std::string(16, 'x')).status()), Reason::kTransferUnknown);
  EXPECT_EQ(GetReason(Keep(r, "short").status()), Reason::kInvalidField);
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}}));
}

}  // namespace
}  // namespace arkshare
