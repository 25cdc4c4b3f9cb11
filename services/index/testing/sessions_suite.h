// The tests that every implementation of Sessions passes. Include it in one source of a test
// program, which says INSTANTIATE_TEST_SUITE_P(Name, SessionsSuite, testing::Values(&MakeHost)).
#ifndef ARKSHARE_SERVICES_INDEX_TESTING_SESSIONS_SUITE_H_
#define ARKSHARE_SERVICES_INDEX_TESTING_SESSIONS_SUITE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "services/index/testing/sample_books.h"
#include "services/index/testing/sessions_fixture.h"

namespace arkshare {

class SessionsSuite : public SessionsFixture,
                      public testing::WithParamInterface<std::unique_ptr<SessionsHost> (*)()> {
 protected:
  SessionsSuite() { Use(GetParam()()); }
};

TEST_P(SessionsSuite, APeerWhoseAddressHasChangedRegistersAgain) {
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

TEST_P(SessionsSuite, NumbersAreTheSmallestFreeOnes) {
  EXPECT_EQ(Register(1).peer_id, 1u);
  EXPECT_EQ(Register(2).peer_id, 2u);
  EXPECT_EQ(Register(3).peer_id, 3u);
  EXPECT_EQ(Register(4, 7).peer_id, 7u);
  EXPECT_EQ(Register(5).peer_id, 4u);
}

TEST_P(SessionsSuite, APeerGetsTheNumberItAsksForUnlessALivePeerHasIt) {
  EXPECT_EQ(Register(1, 5).peer_id, 5u);
  EXPECT_EQ(Register(2, 5).peer_id, 1u);
  // It comes back: its own older session does not block it.
  EXPECT_EQ(Register(1, 5).peer_id, 5u);
  EXPECT_EQ(Register(1, 7).peer_id, 7u);
  EXPECT_EQ(Register(3, 5).peer_id, 5u);
  // It asks for no number, or for one that is taken: it keeps the number that it has.
  EXPECT_EQ(Register(1).peer_id, 7u);
  EXPECT_EQ(Register(1, 5).peer_id, 7u);
  EXPECT_THAT(Peers(), testing::ElementsAre(1, 5, 7));
}

// --- whose session

TEST_P(SessionsSuite, TheNewestProvenSessionOfAKeyWins) {
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
  EXPECT_THAT(BooksOf(1), testing::IsEmpty());
}

TEST_P(SessionsSuite, AnUnprovenRegistrationNeverTakesALiveSessionsPlace) {
  const auto live = Register(1);
  const uint64_t order = sessions_->BeginRegistration();
  EXPECT_EQ(GetReason(TryRegister(1, 0, /*proven=*/false, order).status()), Reason::kKeyInUse);
  EXPECT_TRUE(sessions_->KeyOf(live.token).ok());
  clock().Advance(kTestLease);
  EXPECT_TRUE(TryRegister(1, 0, /*proven=*/false, order).ok()) << "no session has the key any more";
}

TEST_P(SessionsSuite, ALiveSessionAtAnotherAddressIsReplacedOnlyWhenItsPeerIsAbsent) {
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

TEST_P(SessionsSuite, APeerThatDoesNotAnswerIsHiddenAndToldUntilItDoes) {
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
      clock().Advance(kTestLease / 2);
      ASSERT_TRUE(Beat(one.token, stream).ok());
    }
  };
  const auto books = [&] { return catalog().FindPeer(1)->listed; };
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

TEST_P(SessionsSuite, AReportBringsTheCheckOfAPeerForward) {
  const auto silent = Register(1, 1);
  const Stream of_silent = Open(silent.token);
  const auto reporter = Register(2, 2);
  const Stream stream = Open(reporter.token);
  for (absl::Duration passed; passed < ReachChecks::kReportPause; passed += kTestLease / 2) {
    clock().Advance(kTestLease / 2);
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

TEST_P(SessionsSuite, AProvenRegistrationTakesAnUnprovenOnesPlace) {
  const auto squatter = Register(1, 0, /*proven=*/false);
  Register(1);
  EXPECT_EQ(WhyNot(squatter.token), Reason::kSessionSuperseded);
}

TEST_P(SessionsSuite, ARegistrationThatWasBegunEarlierDoesNotWinLater) {
  const uint64_t slow = sessions_->BeginRegistration();
  const auto quick = Register(1);
  EXPECT_EQ(GetReason(TryRegister(1, 0, true, slow).status()), Reason::kSessionSuperseded);
  EXPECT_TRUE(sessions_->KeyOf(quick.token).ok());
}

TEST_P(SessionsSuite, AnUnprovenRegistrationThatWasBegunLaterDoesNotWin) {
  const uint64_t slow = sessions_->BeginRegistration();
  const auto squatter = Register(1, 0, /*proven=*/false);
  const auto owner = TryRegister(1, 0, true, slow);
  ASSERT_TRUE(owner.ok()) << owner.status();
  EXPECT_TRUE(sessions_->KeyOf(owner->token).ok());
  EXPECT_EQ(WhyNot(squatter.token), Reason::kSessionSuperseded);
}

TEST_P(SessionsSuite, TokensAreLongAndUnknownOnesAreUnknown) {
  const auto one = Register(1);
  EXPECT_GE(one.token.size(), 32u);
  EXPECT_EQ(WhyNot(""), Reason::kSessionUnknown);
  EXPECT_EQ(WhyNot(one.token.substr(1)), Reason::kSessionUnknown);
  EXPECT_EQ(GetReason(sessions_->OpenStream("x", "", nullptr).status()), Reason::kSessionUnknown);
  EXPECT_EQ(GetReason(sessions_->UpdateOwner("x", {}).status()), Reason::kSessionUnknown);
}

TEST_P(SessionsSuite, UnregisterRemovesAtOnceAndTwiceIsOnce) {
  const auto one = Register(1);
  const Stream stream = Open(one.token);
  ASSERT_TRUE(Say(one.token, stream, 1, {Present(1, "a", 1)}).ok());
  sessions_->Unregister(one.token);
  EXPECT_THAT(Peers(), testing::IsEmpty());
  EXPECT_TRUE((*stream.end)->ok());
  sessions_->Unregister(one.token);
  EXPECT_EQ(WhyNot(one.token), Reason::kSessionUnknown);
  sessions_->CloseStream(one.token, stream.id);
}

// --- leases

TEST_P(SessionsSuite, SilenceEndsASessionWithinOneLease) {
  const auto one = Register(1);
  const Stream stream = Open(one.token);
  ASSERT_TRUE(Say(one.token, stream, 1, {Present(1, "a", 1)}).ok());
  clock().Advance(kTestLease - absl::Milliseconds(1));
  EXPECT_EQ(sessions_->Expire(), absl::Milliseconds(1));
  EXPECT_THAT(BooksOf(1), testing::ElementsAre("a"));
  clock().Advance(absl::Milliseconds(1));
  EXPECT_EQ(sessions_->Expire(), kTestLease);
  EXPECT_THAT(Peers(), testing::IsEmpty());
  EXPECT_EQ(stream.end_reason(), "SESSION_UNKNOWN");
}

TEST_P(SessionsSuite, EveryMessageRenewsTheLease) {
  const auto one = Register(1);
  const Stream stream = Open(one.token);
  for (int i = 0; i < 10; ++i) {
    clock().Advance(kTestLease / 3);
    ASSERT_TRUE(Beat(one.token, stream).ok());
    sessions_->Expire();
  }
  EXPECT_THAT(Peers(), testing::ElementsAre(1));
}

TEST_P(SessionsSuite, APeerWhoseMessageWaitsIsNotSilent) {
  const auto peer = Register(1);
  const Stream stream = Open(peer.token);
  sessions_->HoldLease(peer.token, stream.id);
  clock().Advance(kTestLease * 5);
  sessions_->Expire();
  sessions_->ReleaseLease(peer.token, stream.id);
  ASSERT_TRUE(Beat(peer.token, stream).ok());
  clock().Advance(kTestLease);
  EXPECT_EQ(WhyNot(peer.token), Reason::kSessionUnknown) << "applied, and silent since";
}

TEST_P(SessionsSuite, APeerIsNotSilentWhileOneOfItsMessagesWaits) {
  const auto peer = Register(1);
  const Stream stream = Open(peer.token);
  sessions_->HoldLease(peer.token, stream.id);
  sessions_->HoldLease(peer.token, stream.id);
  sessions_->ReleaseLease(peer.token, stream.id);
  ASSERT_TRUE(Beat(peer.token, stream).ok());
  clock().Advance(kTestLease * 5);
  sessions_->Expire();
  EXPECT_THAT(Peers(), testing::ElementsAre(1)) << "the other one waits";
  sessions_->ReleaseLease(peer.token, stream.id);
  clock().Advance(kTestLease - absl::Milliseconds(1));
  EXPECT_EQ(WhyNot(peer.token), Reason::kUnspecified) << "the wait was not its silence";
  ASSERT_TRUE(Beat(peer.token, stream).ok());
  clock().Advance(kTestLease);
  EXPECT_EQ(WhyNot(peer.token), Reason::kSessionUnknown) << "applied, and silent since";
}

TEST_P(SessionsSuite, AWaitingMessageOfAReplacedStreamDoesNotHoldTheNewOne) {
  const auto peer = Register(1);
  const Stream first = Open(peer.token);
  sessions_->HoldLease(peer.token, first.id);
  const Stream second = Open(peer.token);
  sessions_->HoldLease(peer.token, second.id);
  sessions_->ReleaseLease(peer.token, first.id);
  EXPECT_EQ(GetReason(Beat(peer.token, first).status()), Reason::kStreamReplaced);
  clock().Advance(kTestLease * 5);
  sessions_->Expire();
  EXPECT_THAT(Peers(), testing::ElementsAre(1));
  sessions_->ReleaseLease(peer.token, second.id);
  clock().Advance(kTestLease);
  EXPECT_EQ(WhyNot(peer.token), Reason::kSessionUnknown);
}

TEST_P(SessionsSuite, APeerIsSilentOnceItsStreamEndsWhileAMessageWaits) {
  const auto peer = Register(1);
  const Stream stream = Open(peer.token);
  sessions_->HoldLease(peer.token, stream.id);
  clock().Advance(kTestLease * 5);
  sessions_->Expire();
  sessions_->CloseStream(peer.token, stream.id);
  sessions_->HoldLease(peer.token, stream.id);  // too late
  clock().Advance(kTestLease - absl::Milliseconds(1));
  sessions_->Expire();
  const Stream next = Open(peer.token);
  sessions_->HoldLease(peer.token, stream.id);
  clock().Advance(kTestLease);
  EXPECT_EQ(WhyNot(peer.token), Reason::kSessionUnknown);
}

TEST_P(SessionsSuite, ALapsedSessionIsUnknownEvenBeforeExpireRuns) {
  const auto one = Register(1);
  clock().Advance(kTestLease);
  EXPECT_EQ(WhyNot(one.token), Reason::kSessionUnknown);
}

TEST_P(SessionsSuite, LeasesLapseInTheirOwnTime) {
  Register(1);
  clock().Advance(absl::Seconds(2));
  Register(2);
  EXPECT_EQ(sessions_->Expire(), kTestLease - absl::Seconds(2));
  clock().Advance(kTestLease - absl::Seconds(2));
  EXPECT_EQ(sessions_->Expire(), absl::Seconds(2));
  EXPECT_THAT(Peers(), testing::ElementsAre(2));
}

// --- streams

TEST_P(SessionsSuite, ABrokenStreamHidesTheBooksUntilAnotherOne) {
  const auto one = Register(1);
  const Stream first = Open(one.token);
  EXPECT_EQ(first.acknowledged, 0u);
  EXPECT_EQ(*Say(one.token, first, 1, {Present(1, "a", 1), Present(2, "b", 2)}), 2u);
  sessions_->CloseStream(one.token, first.id);
  EXPECT_THAT(BooksOf(1), testing::IsEmpty());
  const Stream second = Open(one.token);
  EXPECT_EQ(second.acknowledged, 2u);
  EXPECT_THAT(BooksOf(1), testing::ElementsAre("a", "b"));
  EXPECT_EQ(first.end_reason(), "open") << "its peer ended it";
}

TEST_P(SessionsSuite, ASecondStreamReplacesTheFirst) {
  const auto one = Register(1);
  const Stream first = Open(one.token);
  const Stream second = Open(one.token);
  EXPECT_EQ(first.end_reason(), "STREAM_REPLACED");
  EXPECT_EQ(GetReason(Say(one.token, first, 1, {Present(1, "a", 1)}).status()),
            Reason::kStreamReplaced);
  // The end of the older stream means nothing.
  ASSERT_TRUE(Say(one.token, second, 1, {Present(1, "a", 1)}).ok());
  sessions_->CloseStream(one.token, first.id);
  EXPECT_THAT(BooksOf(1), testing::ElementsAre("a"));
}

TEST_P(SessionsSuite, StatementsCountOnceHoweverOftenTheyAreRepeated) {
  const auto one = Register(1);
  Stream stream = Open(one.token);
  EXPECT_EQ(*Say(one.token, stream, 1, {Present(1, "a", 1), Present(2, "b", 2)}), 2u);
  EXPECT_EQ(*Say(one.token, stream, 3, {StatementRecord::Gone(1)}), 3u);
  stream = Open(one.token);
  EXPECT_EQ(*Say(one.token, stream, 2, {Present(2, "b", 2)}), 3u);
  EXPECT_EQ(*Say(one.token, stream, 2,
                 {Present(2, "b", 2), StatementRecord::Gone(1), Present(3, "c", 3)}),
            4u);
  EXPECT_THAT(BooksOf(1), testing::ElementsAre("b", "c"));
}

TEST_P(SessionsSuite, AGapIsRefused) {
  const auto one = Register(1);
  const Stream stream = Open(one.token);
  EXPECT_EQ(GetReason(Say(one.token, stream, 2, {Present(1, "a", 1)}).status()),
            Reason::kSequenceGap);
  EXPECT_EQ(GetReason(Say(one.token, stream, 0, {Present(1, "a", 1)}).status()),
            Reason::kInvalidField);
  EXPECT_EQ(*Beat(one.token, stream), 0u);
}

TEST_P(SessionsSuite, StatementsBeforeABadOneCount) {
  const auto one = Register(1);
  Stream stream = Open(one.token);
  EXPECT_EQ(GetReason(Say(one.token, stream, 1,
                          {Present(1, "a", 1), Present(1, "b", 2), Present(3, "c", 3)})
                          .status()),
            Reason::kInvalidField);
  EXPECT_EQ(Open(one.token).acknowledged, 1u);
}

TEST_P(SessionsSuite, ACompleteSnapshotIsTheWholeFolder) {
  auto source = Register(1);
  const auto receiver = Register(2);
  ASSERT_TRUE(
      (*sessions_->UpdateOwner(receiver.token, {OwnerChange{TestKey(1), 1, Present(1, "a", 1)}}))[0]
          .ok());
  source = Register(1);
  const Stream stream = Open(source.token);
  ASSERT_TRUE(Say(source.token, stream, 1, {Present(1, "a", 1), Present(2, "b", 2)}, true).ok());
  EXPECT_THAT(BooksOf(1), testing::ElementsAre("b"));
  ASSERT_TRUE(Say(source.token, stream, 3, {}, true).ok()) << "an empty rest is a message too";
}

TEST_P(SessionsSuite, AStreamOfAnUnreachablePeerShowsNothing) {
  const auto one = Register(1, 0, /*proven=*/false);
  const Stream stream = Open(one.token);
  EXPECT_EQ(*Say(one.token, stream, 1, {Present(1, "a", 1)}), 1u);
  EXPECT_THAT(BooksOf(1), testing::IsEmpty());
}

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_TESTING_SESSIONS_SUITE_H_
