#include "services/index/sessions/sessions.h"

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

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kLease = absl::Seconds(9);

class SessionsTest : public testing::Test {
 protected:
  SessionsTest() { Restart(std::nullopt); }

  void Restart(std::optional<PeerIds> ids) {
    sessions_.reset();
    Catalog::Options options;
    options.on_change = [this] {
      if (std::function<void()> look = std::exchange(on_change_, nullptr)) look();
    };
    catalog_ = std::make_unique<Catalog>(std::move(options));
    sessions_ = std::make_unique<Sessions>(Sessions::Options{kLease, std::move(ids)}, &clock_,
                                           catalog_.get());
  }

  absl::StatusOr<Sessions::Registered> TryRegister(uint8_t key, uint32_t wish, bool proven,
                                                   uint64_t order) {
    PeerInfo peer = TestPeer(wish, key);
    peer.address = TestPeer(key, key).address;  // whatever number it wishes
    return sessions_->Register({order, std::move(peer), proven, ""});
  }
  Sessions::Registered Register(uint8_t key, uint32_t wish = 0, bool proven = true) {
    return TryRegister(key, wish, proven, sessions_->BeginRegistration()).value();
  }

  // A stream that notes how the index ended it.
  struct Stream {
    uint64_t id = 0;
    uint64_t acknowledged = 0;
    std::shared_ptr<std::optional<absl::Status>> end =
        std::make_shared<std::optional<absl::Status>>();

    std::string end_reason() const {
      return !end->has_value() ? "open" : std::string(ReasonName(GetReason(**end)));
    }
  };
  Stream Open(const std::string& token) {
    Stream stream;
    const auto start = sessions_->OpenStream(
        token, "127.0.0.1", [end = stream.end](const absl::Status& why) { *end = why; });
    EXPECT_TRUE(start.ok()) << start.status();
    stream.id = start->stream_id;
    stream.acknowledged = start->acknowledged;
    return stream;
  }

  absl::StatusOr<uint64_t> Say(const std::string& token, const Stream& stream,
                               uint64_t first_sequence, std::vector<StatementRecord> statements,
                               bool snapshot_complete = false) {
    Announcement announcement;
    announcement.first_sequence = first_sequence;
    announcement.statements = std::move(statements);
    announcement.snapshot_complete = snapshot_complete;
    announcement.free_slots = 8;
    return sessions_->Apply(token, stream.id, announcement);
  }
  absl::StatusOr<uint64_t> Beat(const std::string& token, const Stream& stream) {
    return Say(token, stream, 0, {});
  }

  std::vector<std::string> BooksOf(uint32_t peer_id) {
    std::vector<std::string> names;
    const auto books = catalog_->ListBooks(peer_id, {}, 1000);
    if (!books.ok()) return {"no such peer"};
    for (const BookListing& book : *books) names.push_back(book.name.value());
    return names;
  }
  std::vector<uint32_t> Peers() {
    std::vector<uint32_t> ids;
    for (const PeerSummary& peer : catalog_->ListPeers(0, 1000)) ids.push_back(peer.info.peer_id);
    return ids;
  }
  Reason WhyNot(const std::string& token) { return GetReason(sessions_->KeyOf(token).status()); }

  std::function<void()> on_change_;  // called once
  FakeClock clock_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Sessions> sessions_;
};

TEST_F(SessionsTest, APeerWhoseAddressHasChangedRegistersAgain) {
  const auto seen = sessions_->Register({1, TestPeer(0, 1), true, "10.0.0.7"});
  const auto advertised = sessions_->Register({2, TestPeer(0, 2), true, ""});
  const auto open = [&](const std::string& token, const std::string& host) {
    return sessions_->OpenStream(token, host, [](const absl::Status&) {}).status();
  };
  EXPECT_TRUE(open(seen->token, "10.0.0.7").ok());
  EXPECT_EQ(GetReason(open(seen->token, "10.0.0.8")), Reason::kSessionUnknown);
  // Its session goes on: the peer may have called from another address only for a moment.
  EXPECT_TRUE(open(seen->token, "10.0.0.7").ok());
  // A peer that advertises its address may call from anywhere.
  EXPECT_TRUE(open(advertised->token, "10.0.0.8").ok());
}

// --- numbers

TEST_F(SessionsTest, NumbersAreTheSmallestFreeOnes) {
  EXPECT_EQ(Register(1).peer_id, 1u);
  const auto two = Register(2);
  EXPECT_EQ(two.peer_id, 2u);
  EXPECT_EQ(Register(3).peer_id, 3u);
  sessions_->Unregister(two.token);
  EXPECT_EQ(Register(4).peer_id, 2u);
  EXPECT_EQ(Register(5).peer_id, 4u);
}

TEST_F(SessionsTest, APeerGetsTheNumberItAsksForUnlessALivePeerHasIt) {
  EXPECT_EQ(Register(1, 5).peer_id, 5u);
  EXPECT_EQ(Register(2, 5).peer_id, 1u);
  // It comes back: its own older session does not block it.
  EXPECT_EQ(Register(1, 5).peer_id, 5u);
  EXPECT_EQ(Register(1, 7).peer_id, 7u);
  EXPECT_EQ(Register(3, 5).peer_id, 5u);
  // It asks for no number, or for one that is taken: it keeps the number that it has.
  EXPECT_EQ(Register(1).peer_id, 7u);
  EXPECT_EQ(Register(1, 5).peer_id, 7u);
  EXPECT_THAT(Peers(), ElementsAre(1, 5, 7));
}

TEST_F(SessionsTest, WithStateNumbersOutliveTheIndex) {
  Restart(PeerIds());
  EXPECT_EQ(sessions_->TakeChangedIds(), std::nullopt);
  EXPECT_EQ(Register(1).peer_id, 1u);
  EXPECT_EQ(Register(2).peer_id, 2u);
  const std::string saved = sessions_->TakeChangedIds().value();
  EXPECT_EQ(sessions_->TakeChangedIds(), std::nullopt);

  Restart(PeerIds::Parse(saved).value());
  EXPECT_EQ(Register(3).peer_id, 3u) << "the numbers of peers that may come back are kept";
  EXPECT_EQ(Register(2).peer_id, 2u);
  EXPECT_EQ(Register(4, 1).peer_id, 1u) << "but a peer that asks for such a number gets it";
  EXPECT_EQ(Register(1).peer_id, 4u);
}

TEST_F(SessionsTest, ContentsThatCouldNotBeSavedAreReturnedAgain) {
  Restart(PeerIds());
  Register(1);
  const std::string lost = sessions_->TakeChangedIds().value();
  sessions_->IdsNotSaved();
  EXPECT_EQ(sessions_->TakeChangedIds(), lost);
  EXPECT_EQ(sessions_->TakeChangedIds(), std::nullopt);
}

TEST_F(SessionsTest, UnprovenPeersAreNotRemembered) {
  Restart(PeerIds());
  Register(1, 0, /*proven=*/false);
  EXPECT_EQ(sessions_->TakeChangedIds(), std::nullopt);
}

// --- sessions of an earlier process

class KeptSessionsTest : public SessionsTest {
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
    if (std::optional<std::string> changed = sessions_->TakeChangedIds()) saved_ = *changed;
    SessionsTest::Restart(PeerIds::Parse(saved_).value());
  }
  using SessionsTest::Restart;
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
  const PeerSummary peer = catalog_->FindPeer(7).value();
  EXPECT_EQ(peer.info.key, TestKey(1));
  EXPECT_EQ(peer.info.address, "10.0.0.7:4000");
  EXPECT_EQ(peer.info.policy, v1::SHARE_POLICY_MOVE);
  EXPECT_FALSE(peer.info.loopback);
  EXPECT_TRUE(peer.listed);
  ASSERT_TRUE(Say(token, Stream{stream->stream_id}, 1, {Present(2, "b", 2)}, true).ok());
  EXPECT_THAT(BooksOf(7), ElementsAre("b"));
  EXPECT_EQ(sessions_->TakeChangedIds(), std::nullopt) << "the file has the session already";
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
  EXPECT_EQ(catalog_->FindPeer(5)->info.address, "10.0.0.5:4000");
}

TEST_F(KeptSessionsTest, OnlyLiveSessionsOfReachablePeersThatAskForItAreKept) {
  const std::string silent = RegisterToKeep(1, 1);
  clock_.Advance(kLease);
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
  clock_.Advance(kLease - absl::Milliseconds(1));
  const auto stream = Come(back, "10.0.0.1");
  ASSERT_TRUE(stream.ok()) << stream.status();
  clock_.Advance(kLease - absl::Milliseconds(1));
  ASSERT_TRUE(Beat(back, Stream{stream->stream_id}).ok());
  clock_.Advance(absl::Milliseconds(1));
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

// --- whose session

TEST_F(SessionsTest, TheNewestProvenSessionOfAKeyWins) {
  const auto older = Register(1);
  const Stream stream = Open(older.token);
  ASSERT_TRUE(Say(older.token, stream, 1, {Present(1, "a", 1)}).ok());
  const auto newer = Register(1);
  EXPECT_EQ(newer.peer_id, older.peer_id);
  EXPECT_NE(newer.token, older.token);
  EXPECT_EQ(stream.end_reason(), "SESSION_SUPERSEDED");
  // Later calls fail in the same way, so that the peer stops instead of coming back.
  EXPECT_EQ(WhyNot(older.token), Reason::kSessionSuperseded);
  EXPECT_EQ(GetReason(Beat(older.token, stream).status()), Reason::kSessionSuperseded);
  EXPECT_EQ(*sessions_->KeyOf(newer.token), TestKey(1));
  EXPECT_THAT(BooksOf(1), IsEmpty());
}

TEST_F(SessionsTest, AnUnprovenRegistrationNeverTakesALiveSessionsPlace) {
  const auto live = Register(1);
  const uint64_t order = sessions_->BeginRegistration();
  EXPECT_EQ(GetReason(TryRegister(1, 0, /*proven=*/false, order).status()), Reason::kKeyInUse);
  EXPECT_TRUE(sessions_->KeyOf(live.token).ok());
  clock_.Advance(kLease);
  EXPECT_TRUE(TryRegister(1, 0, /*proven=*/false, order).ok()) << "no session has the key any more";
}

TEST_F(SessionsTest, ALiveSessionAtAnotherAddressIsReplacedOnlyWhenItsPeerIsAbsent) {
  const auto older = Register(1);
  const std::string elsewhere = TestPeer(6, 1).address;
  EXPECT_FALSE(sessions_->FindRival(TestKey(1), TestPeer(1, 1).address).has_value());
  EXPECT_FALSE(sessions_->FindRival(TestKey(2), elsewhere).has_value());
  const std::optional<ReachedPeer> rival = sessions_->FindRival(TestKey(1), elsewhere);
  ASSERT_TRUE(rival.has_value());
  EXPECT_EQ(rival->address, TestPeer(1, 1).address);
  Sessions::Registration newer{sessions_->BeginRegistration(), TestPeer(6, 1), true, ""};
  EXPECT_EQ(GetReason(sessions_->Register(newer).status()), Reason::kKeyInUse);
  EXPECT_TRUE(sessions_->KeyOf(older.token).ok());
  newer.absent = rival->order;
  EXPECT_TRUE(sessions_->Register(newer).ok());
  EXPECT_EQ(WhyNot(older.token), Reason::kSessionSuperseded);
}

TEST_F(SessionsTest, APeerThatDoesNotAnswerIsHiddenAndToldUntilItDoes) {
  const auto one = Register(1, 1);
  std::vector<bool> told;
  const auto open = [&] {
    const auto start = sessions_->OpenStream(
        one.token, "127.0.0.1", [](const absl::Status&) {},
        [&told](bool reached) { told.push_back(reached); });
    Stream stream;
    stream.id = start->stream_id;
    return stream;
  };
  Stream stream = open();
  ASSERT_TRUE(Say(one.token, stream, 1, {Present(1, "a", 1)}).ok());
  // Passes time, with heartbeats, until the next check; ends it.
  const auto check = [&](bool answered) {
    while (true) {
      const std::optional<ReachedPeer> begun = sessions_->BeginReachCheck();
      if (begun.has_value()) {
        EXPECT_EQ(begun->key, TestKey(1));
        EXPECT_EQ(begun->address, TestPeer(1, 1).address);
        return sessions_->EndReachCheck(*begun, answered);
      }
      clock_.Advance(kLease / 2);
      ASSERT_TRUE(Beat(one.token, stream).ok());
    }
  };
  const auto books = [&] { return catalog_->FindPeer(1)->listed; };
  check(true);
  check(false);
  EXPECT_TRUE(books());
  EXPECT_TRUE(told.empty());
  check(false);
  EXPECT_FALSE(books());
  EXPECT_EQ(told, std::vector<bool>{false});
  stream = open();
  EXPECT_EQ(told, (std::vector<bool>{false, false})) << "on a new stream again";
  EXPECT_FALSE(books());
  check(true);
  EXPECT_TRUE(books());
  EXPECT_EQ(told, (std::vector<bool>{false, false, true}));
}

TEST_F(SessionsTest, AReportBringsTheCheckOfAPeerForward) {
  const auto silent = Register(1, 1);
  const Stream of_silent = Open(silent.token);
  const auto reporter = Register(2, 2);
  const Stream stream = Open(reporter.token);
  for (absl::Duration passed; passed < ReachChecks::kReportPause; passed += kLease / 2) {
    clock_.Advance(kLease / 2);
    ASSERT_TRUE(Beat(silent.token, of_silent).ok());
    ASSERT_TRUE(Beat(reporter.token, stream).ok());
  }
  EXPECT_FALSE(sessions_->BeginReachCheck().has_value());
  Announcement announcement;
  announcement.silent = {TestKey(1), TestKey(3)};
  ASSERT_TRUE(sessions_->Apply(reporter.token, stream.id, announcement).ok());
  const std::optional<ReachedPeer> check = sessions_->BeginReachCheck();
  ASSERT_TRUE(check.has_value());
  EXPECT_EQ(check->key, TestKey(1));
  // The check of a session that was replaced meanwhile does not count.
  Register(1, 1);
  sessions_->EndReachCheck(*check, false);
  EXPECT_FALSE(sessions_->BeginReachCheck().has_value());
}

TEST_F(SessionsTest, AProvenRegistrationTakesAnUnprovenOnesPlace) {
  const auto squatter = Register(1, 0, /*proven=*/false);
  Register(1);
  EXPECT_EQ(WhyNot(squatter.token), Reason::kSessionSuperseded);
}

TEST_F(SessionsTest, ARegistrationThatWasBegunEarlierDoesNotWinLater) {
  const uint64_t slow = sessions_->BeginRegistration();
  const auto quick = Register(1);
  EXPECT_EQ(GetReason(TryRegister(1, 0, true, slow).status()), Reason::kSessionSuperseded);
  EXPECT_TRUE(sessions_->KeyOf(quick.token).ok());
}

TEST_F(SessionsTest, AnUnprovenRegistrationThatWasBegunLaterDoesNotWin) {
  const uint64_t slow = sessions_->BeginRegistration();
  const auto squatter = Register(1, 0, /*proven=*/false);
  const auto owner = TryRegister(1, 0, true, slow);
  ASSERT_TRUE(owner.ok()) << owner.status();
  EXPECT_TRUE(sessions_->KeyOf(owner->token).ok());
  EXPECT_EQ(WhyNot(squatter.token), Reason::kSessionSuperseded);
}

TEST_F(SessionsTest, TokensAreLongAndUnknownOnesAreUnknown) {
  const auto one = Register(1);
  EXPECT_GE(one.token.size(), 32u);
  EXPECT_EQ(WhyNot(""), Reason::kSessionUnknown);
  EXPECT_EQ(WhyNot(one.token.substr(1)), Reason::kSessionUnknown);
  EXPECT_EQ(GetReason(sessions_->OpenStream("x", "", nullptr).status()), Reason::kSessionUnknown);
  EXPECT_EQ(GetReason(sessions_->UpdateOwner("x", {}).status()), Reason::kSessionUnknown);
}

TEST_F(SessionsTest, UnregisterRemovesAtOnceAndTwiceIsOnce) {
  const auto one = Register(1);
  const Stream stream = Open(one.token);
  ASSERT_TRUE(Say(one.token, stream, 1, {Present(1, "a", 1)}).ok());
  sessions_->Unregister(one.token);
  EXPECT_THAT(Peers(), IsEmpty());
  EXPECT_TRUE((*stream.end)->ok());
  sessions_->Unregister(one.token);
  EXPECT_EQ(WhyNot(one.token), Reason::kSessionUnknown);
  sessions_->CloseStream(one.token, stream.id);
}

// --- leases

TEST_F(SessionsTest, SilenceEndsASessionWithinOneLease) {
  const auto one = Register(1);
  const Stream stream = Open(one.token);
  ASSERT_TRUE(Say(one.token, stream, 1, {Present(1, "a", 1)}).ok());
  clock_.Advance(kLease - absl::Milliseconds(1));
  EXPECT_EQ(sessions_->Expire(), absl::Milliseconds(1));
  EXPECT_THAT(BooksOf(1), ElementsAre("a"));
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(sessions_->Expire(), kLease);
  EXPECT_THAT(Peers(), IsEmpty());
  EXPECT_EQ(stream.end_reason(), "SESSION_UNKNOWN");
}

TEST_F(SessionsTest, EveryMessageRenewsTheLease) {
  const auto one = Register(1);
  const Stream stream = Open(one.token);
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(kLease / 3);
    ASSERT_TRUE(Beat(one.token, stream).ok());
    sessions_->Expire();
  }
  EXPECT_THAT(Peers(), ElementsAre(1));
}

TEST_F(SessionsTest, APeerWhoseMessageWaitsIsNotSilent) {
  const auto peer = Register(1);
  const Stream stream = Open(peer.token);
  sessions_->HoldLease(peer.token, stream.id);
  clock_.Advance(kLease * 5);
  sessions_->Expire();
  sessions_->ReleaseLease(peer.token, stream.id);
  ASSERT_TRUE(Beat(peer.token, stream).ok());
  clock_.Advance(kLease);
  EXPECT_EQ(WhyNot(peer.token), Reason::kSessionUnknown) << "applied, and silent since";
}

TEST_F(SessionsTest, APeerIsNotSilentWhileOneOfItsMessagesWaits) {
  const auto peer = Register(1);
  const Stream stream = Open(peer.token);
  sessions_->HoldLease(peer.token, stream.id);
  sessions_->HoldLease(peer.token, stream.id);
  sessions_->ReleaseLease(peer.token, stream.id);
  ASSERT_TRUE(Beat(peer.token, stream).ok());
  clock_.Advance(kLease * 5);
  sessions_->Expire();
  EXPECT_THAT(Peers(), ElementsAre(1)) << "the other one waits";
  sessions_->ReleaseLease(peer.token, stream.id);
  clock_.Advance(kLease - absl::Milliseconds(1));
  EXPECT_EQ(WhyNot(peer.token), Reason::kUnspecified) << "the wait was not its silence";
  ASSERT_TRUE(Beat(peer.token, stream).ok());
  clock_.Advance(kLease);
  EXPECT_EQ(WhyNot(peer.token), Reason::kSessionUnknown) << "applied, and silent since";
}

TEST_F(SessionsTest, AWaitingMessageOfAReplacedStreamDoesNotHoldTheNewOne) {
  const auto peer = Register(1);
  const Stream first = Open(peer.token);
  sessions_->HoldLease(peer.token, first.id);
  const Stream second = Open(peer.token);
  sessions_->HoldLease(peer.token, second.id);
  sessions_->ReleaseLease(peer.token, first.id);
  EXPECT_EQ(GetReason(Beat(peer.token, first).status()), Reason::kStreamReplaced);
  clock_.Advance(kLease * 5);
  sessions_->Expire();
  EXPECT_THAT(Peers(), ElementsAre(1));
  sessions_->ReleaseLease(peer.token, second.id);
  clock_.Advance(kLease);
  EXPECT_EQ(WhyNot(peer.token), Reason::kSessionUnknown);
}

TEST_F(SessionsTest, APeerIsSilentOnceItsStreamEndsWhileAMessageWaits) {
  const auto peer = Register(1);
  const Stream stream = Open(peer.token);
  sessions_->HoldLease(peer.token, stream.id);
  clock_.Advance(kLease * 5);
  sessions_->Expire();
  sessions_->CloseStream(peer.token, stream.id);
  sessions_->HoldLease(peer.token, stream.id);  // too late
  clock_.Advance(kLease - absl::Milliseconds(1));
  sessions_->Expire();
  const Stream next = Open(peer.token);
  sessions_->HoldLease(peer.token, stream.id);
  clock_.Advance(kLease);
  EXPECT_EQ(WhyNot(peer.token), Reason::kSessionUnknown);
}

TEST_F(SessionsTest, ALapsedSessionIsUnknownEvenBeforeExpireRuns) {
  const auto one = Register(1);
  clock_.Advance(kLease);
  EXPECT_EQ(WhyNot(one.token), Reason::kSessionUnknown);
  EXPECT_EQ(Register(2).peer_id, 1u);
}

TEST_F(SessionsTest, LeasesLapseInTheirOwnTime) {
  Register(1);
  clock_.Advance(absl::Seconds(2));
  Register(2);
  EXPECT_EQ(sessions_->Expire(), kLease - absl::Seconds(2));
  clock_.Advance(kLease - absl::Seconds(2));
  EXPECT_EQ(sessions_->Expire(), absl::Seconds(2));
  EXPECT_THAT(Peers(), ElementsAre(2));
}

// --- streams

TEST_F(SessionsTest, ABrokenStreamHidesTheBooksUntilAnotherOne) {
  const auto one = Register(1);
  const Stream first = Open(one.token);
  EXPECT_EQ(first.acknowledged, 0u);
  EXPECT_EQ(*Say(one.token, first, 1, {Present(1, "a", 1), Present(2, "b", 2)}), 2u);
  sessions_->CloseStream(one.token, first.id);
  EXPECT_THAT(BooksOf(1), IsEmpty());
  const Stream second = Open(one.token);
  EXPECT_EQ(second.acknowledged, 2u);
  EXPECT_THAT(BooksOf(1), ElementsAre("a", "b"));
  EXPECT_EQ(first.end_reason(), "open") << "its peer ended it";
}

TEST_F(SessionsTest, ASecondStreamReplacesTheFirst) {
  const auto one = Register(1);
  const Stream first = Open(one.token);
  const Stream second = Open(one.token);
  EXPECT_EQ(first.end_reason(), "STREAM_REPLACED");
  EXPECT_EQ(GetReason(Say(one.token, first, 1, {Present(1, "a", 1)}).status()),
            Reason::kStreamReplaced);
  // The end of the older stream means nothing.
  ASSERT_TRUE(Say(one.token, second, 1, {Present(1, "a", 1)}).ok());
  sessions_->CloseStream(one.token, first.id);
  EXPECT_THAT(BooksOf(1), ElementsAre("a"));
}

TEST_F(SessionsTest, StatementsCountOnceHoweverOftenTheyAreRepeated) {
  const auto one = Register(1);
  Stream stream = Open(one.token);
  EXPECT_EQ(*Say(one.token, stream, 1, {Present(1, "a", 1), Present(2, "b", 2)}), 2u);
  EXPECT_EQ(*Say(one.token, stream, 3, {StatementRecord::Gone(1)}), 3u);
  stream = Open(one.token);
  EXPECT_EQ(*Say(one.token, stream, 2, {Present(2, "b", 2)}), 3u);
  EXPECT_EQ(*Say(one.token, stream, 2,
                 {Present(2, "b", 2), StatementRecord::Gone(1), Present(3, "c", 3)}),
            4u);
  EXPECT_THAT(BooksOf(1), ElementsAre("b", "c"));
}

TEST_F(SessionsTest, AGapIsRefused) {
  const auto one = Register(1);
  const Stream stream = Open(one.token);
  EXPECT_EQ(GetReason(Say(one.token, stream, 2, {Present(1, "a", 1)}).status()),
            Reason::kSequenceGap);
  EXPECT_EQ(GetReason(Say(one.token, stream, 0, {Present(1, "a", 1)}).status()),
            Reason::kInvalidField);
  EXPECT_EQ(*Beat(one.token, stream), 0u);
}

TEST_F(SessionsTest, StatementsBeforeABadOneCount) {
  const auto one = Register(1);
  Stream stream = Open(one.token);
  EXPECT_EQ(GetReason(Say(one.token, stream, 1,
                          {Present(1, "a", 1), Present(1, "b", 2), Present(3, "c", 3)})
                          .status()),
            Reason::kInvalidField);
  EXPECT_EQ(Open(one.token).acknowledged, 1u);
}

TEST_F(SessionsTest, ACompleteSnapshotIsTheWholeFolder) {
  auto source = Register(1);
  const auto receiver = Register(2);
  ASSERT_TRUE(
      (*sessions_->UpdateOwner(receiver.token, {OwnerChange{TestKey(1), 1, Present(1, "a", 1)}}))[0]
          .ok());
  source = Register(1);
  const Stream stream = Open(source.token);
  ASSERT_TRUE(Say(source.token, stream, 1, {Present(1, "a", 1), Present(2, "b", 2)}, true).ok());
  EXPECT_THAT(BooksOf(1), ElementsAre("b"));
  ASSERT_TRUE(Say(source.token, stream, 3, {}, true).ok()) << "an empty rest is a message too";
}

TEST_F(SessionsTest, AStreamOfAnUnreachablePeerShowsNothing) {
  const auto one = Register(1, 0, /*proven=*/false);
  const Stream stream = Open(one.token);
  EXPECT_EQ(*Say(one.token, stream, 1, {Present(1, "a", 1)}), 1u);
  EXPECT_THAT(BooksOf(1), IsEmpty());
}

TEST_F(SessionsTest, APeerDoesNotWaitForTheStatementsOfAnother) {
  const Sessions::Registered one = Register(1);
  const Sessions::Registered two = Register(2);
  const Stream first = Open(one.token);
  const Stream second = Open(two.token);
  bool looked = false;
  on_change_ = [&] {
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

TEST_F(SessionsTest, StatementsOfAnEndedSessionAreNotListed) {
  const Sessions::Registered one = Register(1);
  const Stream stream = Open(one.token);
  // The first change is that of the free slots; the statements come after the end.
  on_change_ = [&] { sessions_->Unregister(one.token); };
  Announcement announcement;
  announcement.first_sequence = 1;
  announcement.statements = {Present(1, "a", 1)};
  announcement.free_slots = 7;
  sessions_->Apply(one.token, stream.id, announcement).IgnoreError();
  EXPECT_THAT(Peers(), IsEmpty());
  EXPECT_EQ(WhyNot(one.token), Reason::kSessionUnknown);
}

}  // namespace
}  // namespace arkshare
