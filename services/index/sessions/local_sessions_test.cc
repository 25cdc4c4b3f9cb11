#include "services/index/sessions/local_sessions.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "services/index/testing/sample_books.h"
#include "services/index/testing/sessions_fixture.h"
#include "services/index/testing/sessions_suite.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LocalHost : public SessionsHost {
 public:
  explicit LocalHost(std::optional<PeerIds> ids = std::nullopt)
      : catalog_({.on_change =
                      [this] {
                        if (auto look = std::exchange(on_change, nullptr)) look();
                      }}),
        sessions_({kTestLease, std::move(ids)}, &clock_, &catalog_) {}

  LocalSessions& sessions() override { return sessions_; }
  Catalog& catalog() override { return catalog_; }
  FakeClock& clock() override { return clock_; }

  std::function<void()> on_change;  // called once

 private:
  FakeClock clock_;
  Catalog catalog_;
  LocalSessions sessions_;
};

std::unique_ptr<SessionsHost> MakeLocalHost() { return std::make_unique<LocalHost>(); }
INSTANTIATE_TEST_SUITE_P(Local, SessionsSuite, testing::Values(&MakeLocalHost));

class LocalSessionsTest : public SessionsFixture {
 protected:
  LocalSessionsTest() { Restart(std::nullopt); }

  void Restart(std::optional<PeerIds> ids) {
    auto host = std::make_unique<LocalHost>(std::move(ids));
    local_ = host.get();
    Use(std::move(host));
  }
  std::optional<std::string> TakeChangedIds() { return local_->sessions().TakeChangedIds(); }

  LocalHost* local_ = nullptr;
};

TEST_F(LocalSessionsTest, WithoutStateTheNumberOfAnEndedSessionIsFree) {
  Register(1);
  const auto two = Register(2);
  Register(3);
  sessions_->Unregister(two.token);
  EXPECT_EQ(Register(4).peer_id, 2u);
  EXPECT_EQ(Register(5).peer_id, 4u);
  clock().Advance(kTestLease);
  EXPECT_EQ(Register(6).peer_id, 1u);
}

TEST_F(LocalSessionsTest, WithStateNumbersOutliveTheIndex) {
  Restart(PeerIds());
  EXPECT_EQ(TakeChangedIds(), std::nullopt);
  EXPECT_EQ(Register(1).peer_id, 1u);
  EXPECT_EQ(Register(2).peer_id, 2u);
  const std::string saved = TakeChangedIds().value();
  EXPECT_EQ(TakeChangedIds(), std::nullopt);

  Restart(PeerIds::Parse(saved).value());
  EXPECT_EQ(Register(3).peer_id, 3u) << "the numbers of peers that may come back are kept";
  EXPECT_EQ(Register(2).peer_id, 2u);
  EXPECT_EQ(Register(4, 1).peer_id, 1u) << "but a peer that asks for such a number gets it";
  EXPECT_EQ(Register(1).peer_id, 4u);
}

TEST_F(LocalSessionsTest, ContentsThatCouldNotBeSavedAreReturnedAgain) {
  Restart(PeerIds());
  Register(1);
  const std::string lost = TakeChangedIds().value();
  local_->sessions().IdsNotSaved();
  EXPECT_EQ(TakeChangedIds(), lost);
  EXPECT_EQ(TakeChangedIds(), std::nullopt);
}

TEST_F(LocalSessionsTest, UnprovenPeersAreNotRemembered) {
  Restart(PeerIds());
  Register(1, 0, /*proven=*/false);
  EXPECT_EQ(TakeChangedIds(), std::nullopt);
}

TEST_F(LocalSessionsTest, APeerDoesNotWaitForTheStatementsOfAnother) {
  const Sessions::Registered one = Register(1);
  const Sessions::Registered two = Register(2);
  const Stream first = Open(one.token);
  const Stream second = Open(two.token);
  bool looked = false;
  local_->on_change = [&] {
    looked = true;
    EXPECT_EQ(*Beat(two.token, second), 0u);
    EXPECT_EQ(*Say(two.token, second, 1, {Present(1, "b", 2)}), 1u);
    EXPECT_EQ(WhyNot(two.token), Reason::kUnspecified);
  };
  // While the catalog applies a message of one peer, another one is served.
  EXPECT_EQ(*Say(one.token, first, 1, {Present(1, "a", 1)}), 1u);
  EXPECT_TRUE(looked);
  EXPECT_THAT(BooksOf(one.peer_id), ElementsAre("a"));
  EXPECT_THAT(BooksOf(two.peer_id), ElementsAre("b"));
}

TEST_F(LocalSessionsTest, StatementsOfAnEndedSessionAreNotListed) {
  const Sessions::Registered one = Register(1);
  const Stream stream = Open(one.token);
  // The first change is that of the free slots; the statements come after the end.
  local_->on_change = [&] { sessions_->Unregister(one.token); };
  Announcement announcement;
  announcement.first_sequence = 1;
  announcement.statements = {Present(1, "a", 1)};
  announcement.free_slots = 7;
  sessions_->Apply(one.token, stream.id, announcement).IgnoreError();
  EXPECT_THAT(Peers(), IsEmpty());
  EXPECT_EQ(WhyNot(one.token), Reason::kSessionUnknown);
}

// --- sessions of an earlier process

class KeptSessionsTest : public LocalSessionsTest {
 protected:
  KeptSessionsTest() { Restart(PeerIds()); }

  // A peer with number `peer_id`, at 10.0.0.<peer_id>.
  std::string RegisterToKeep(uint8_t key, uint32_t peer_id, bool proven = true) {
    PeerInfo peer = TestPeer(peer_id, key);
    return sessions_
        ->Register({sessions_->BeginRegistration(), std::move(peer), proven,
                    absl::StrCat("10.0.0.", peer_id), /*keep=*/true})
        ->token;
  }
  // Starts a new process from the saved state.
  void Restart() {
    if (std::optional<std::string> changed = TakeChangedIds()) saved_ = *changed;
    LocalSessionsTest::Restart(PeerIds::Parse(saved_).value());
  }
  using LocalSessionsTest::Restart;
  absl::StatusOr<Sessions::StreamStart> Come(const std::string& token, const std::string& host) {
    return sessions_->OpenStream(token, host, [](const absl::Status&) {});
  }

  std::string saved_;
};

TEST_F(KeptSessionsTest, ASessionOutlivesTheIndex) {
  const std::string token = RegisterToKeep(1, 7);
  ASSERT_TRUE(Say(token, Stream{Come(token, "10.0.0.7")->stream_id}, 1, {Present(1, "a", 1)}).ok());
  Restart();
  EXPECT_THAT(Peers(), IsEmpty()) << "a peer is not here before it comes back";
  const auto stream = Come(token, "10.0.0.7");
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_EQ(stream->acknowledged, 0u);
  const PeerSummary peer = catalog().FindPeer(7).value();
  EXPECT_EQ(peer.info.key, TestKey(1));
  EXPECT_EQ(peer.info.address, "10.0.0.7:4000");
  EXPECT_EQ(peer.info.policy, v1::SHARE_POLICY_MOVE);
  EXPECT_FALSE(peer.info.loopback);
  EXPECT_TRUE(peer.listed);
  ASSERT_TRUE(Say(token, Stream{stream->stream_id}, 1, {Present(2, "b", 2)}, true).ok());
  EXPECT_THAT(BooksOf(7), ElementsAre("b"));
  EXPECT_EQ(TakeChangedIds(), std::nullopt) << "the file has the session already";
  // The next process takes it back as well.
  Restart();
  EXPECT_TRUE(Come(token, "10.0.0.7").ok());
}

TEST_F(KeptSessionsTest, OnlyItsTokenFromItsHostTakesItBack) {
  const std::string token = RegisterToKeep(1, 7);
  Restart();
  EXPECT_EQ(saved_.find(token), std::string::npos) << "a reader of the file cannot use the session";
  EXPECT_EQ(GetReason(Come(std::string(64, '0'), "10.0.0.7").status()), Reason::kSessionUnknown);
  EXPECT_EQ(GetReason(Come(token, "10.0.0.8").status()), Reason::kSessionUnknown);
  EXPECT_TRUE(Come(token, "10.0.0.7").ok());
}

TEST_F(KeptSessionsTest, APeerThatAdvertisedItsAddressMayComeFromAnywhere) {
  const std::string token =
      sessions_->Register({1, TestPeer(5, 1), true, /*seen_at=*/"", /*keep=*/true})->token;
  Restart();
  EXPECT_TRUE(Come(token, "10.0.0.9").ok());
  EXPECT_EQ(catalog().FindPeer(5)->info.address, "10.0.0.5:4000");
}

TEST_F(KeptSessionsTest, OnlyLiveSessionsOfReachablePeersThatAskForItAreKept) {
  const std::string silent = RegisterToKeep(1, 1);
  clock().Advance(kTestLease);
  const std::string superseded = RegisterToKeep(2, 2);
  const std::string newest = RegisterToKeep(2, 2);
  const std::string unproven = RegisterToKeep(3, 3, /*proven=*/false);
  const std::string gone = RegisterToKeep(4, 4);
  sessions_->Unregister(gone);
  const std::string unasked = Register(5, 5).token;
  Restart();
  for (const std::string& token : {silent, superseded, unproven, gone}) {
    EXPECT_EQ(GetReason(Come(token, "10.0.0.1").status()), Reason::kSessionUnknown);
  }
  EXPECT_EQ(GetReason(Come(unasked, "10.0.0.5").status()), Reason::kSessionUnknown);
  EXPECT_TRUE(Come(newest, "10.0.0.2").ok());
  // Their numbers are kept.
  EXPECT_EQ(Register(4).peer_id, 4u);
}

TEST_F(KeptSessionsTest, TheyAreKeptUntilNoneHasComeForALease) {
  const std::string back = RegisterToKeep(1, 1);
  const std::string late = RegisterToKeep(2, 2);
  Restart();
  clock().Advance(kTestLease - absl::Milliseconds(1));
  const auto stream = Come(back, "10.0.0.1");
  ASSERT_TRUE(stream.ok()) << stream.status();
  clock().Advance(kTestLease - absl::Milliseconds(1));
  ASSERT_TRUE(Beat(back, Stream{stream->stream_id}).ok());
  clock().Advance(absl::Milliseconds(1));
  EXPECT_EQ(GetReason(Come(late, "10.0.0.2").status()), Reason::kSessionUnknown);
  Restart();
  EXPECT_EQ(GetReason(Come(late, "10.0.0.2").status()), Reason::kSessionUnknown)
      << "a session that was too late once is too late for ever";
  EXPECT_TRUE(Come(back, "10.0.0.1").ok());
}

TEST_F(KeptSessionsTest, AnIndexThatIsKilledAgainKeepsSessionsThatHadNotComeBack) {
  const std::string early = RegisterToKeep(1, 1);
  const std::string late = RegisterToKeep(2, 2);
  Restart();
  ASSERT_TRUE(Come(early, "10.0.0.1").ok());
  RegisterToKeep(3, 3);
  Restart();
  EXPECT_TRUE(Come(late, "10.0.0.2").ok());
}

TEST_F(KeptSessionsTest, TheNumberAndTheKeyAreReservedMeanwhile) {
  const std::string token = RegisterToKeep(1, 1);
  Restart();
  EXPECT_EQ(Register(2, 1).peer_id, 2u);
  // A session that has not proven the key blocks no other.
  EXPECT_EQ(Register(1, 9, /*proven=*/false).peer_id, 9u);
  ASSERT_TRUE(Come(token, "10.0.0.1").ok());
  EXPECT_THAT(Peers(), ElementsAre(1, 2));
}

TEST_F(KeptSessionsTest, ARegistrationEndsIt) {
  const std::string token = RegisterToKeep(1, 1);
  Restart();
  const std::string newer = RegisterToKeep(1, 1);
  EXPECT_EQ(GetReason(Come(token, "10.0.0.1").status()), Reason::kSessionUnknown);
  EXPECT_TRUE(Come(newer, "10.0.0.1").ok());
}

TEST_F(KeptSessionsTest, UnregisterEndsItBeforeItHasComeBack) {
  const std::string token = RegisterToKeep(1, 1);
  Restart();
  sessions_->Unregister(token);
  EXPECT_THAT(Peers(), IsEmpty());
  Restart();
  EXPECT_EQ(GetReason(Come(token, "10.0.0.1").status()), Reason::kSessionUnknown);
}

// A move before the peer draws its new snapshot could be missing from the snapshot.
TEST_F(KeptSessionsTest, NoMovesBeforeThePeerStatesItsFolder) {
  const std::string token = RegisterToKeep(1, 1);
  Restart();
  const std::vector<OwnerChange> changes = {{TestKey(2), 5, Present(1, "a", 1)}};
  EXPECT_EQ(GetReason(sessions_->UpdateOwner(token, changes).status()), Reason::kSessionUnknown);
  const auto stream = Come(token, "10.0.0.1");
  EXPECT_EQ(GetReason(sessions_->UpdateOwner(token, changes).status()), Reason::kSessionUnknown);
  ASSERT_TRUE(Say(token, Stream{stream->stream_id}, 1, {}, true).ok());
  EXPECT_TRUE(sessions_->UpdateOwner(token, changes).ok());
}

}  // namespace
}  // namespace arkshare
