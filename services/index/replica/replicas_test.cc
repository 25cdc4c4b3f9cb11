// Several replicas over one log.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "lib/core/errors.h"
#include "services/index/replica/testing/test_replica.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ReplicasTest : public testing::Test {
 protected:
  using Ended = std::shared_ptr<std::optional<absl::Status>>;

  std::unique_ptr<IndexReplica> Make(const IndexReplica::Wrap& wrap = nullptr) {
    return std::make_unique<IndexReplica>(&engine_, &clock_, wrap);
  }
  static std::string Why(const Ended& ended) {
    return !ended->has_value() ? "open" : std::string(ReasonName(GetReason(**ended)));
  }
  absl::StatusOr<Sessions::Registered> TryRegister(IndexReplica& at, uint8_t key,
                                                   uint32_t wish = 0) {
    const auto order = Await<uint64_t>([&](auto done) { at.sessions().BeginRegistration(done); });
    if (!order.ok()) return order.status();
    PeerInfo peer = TestPeer(wish, key);
    peer.address = TestPeer(key, key).address;
    return at.sync().Register({*order, std::move(peer), true, ""});
  }
  std::string Register(IndexReplica& at, uint8_t key, uint32_t wish = 0) {
    return TryRegister(at, key, wish)->token;
  }
  struct Stream {
    uint64_t id = 0;
    uint64_t acknowledged = 0;
    Ended ended = std::make_shared<std::optional<absl::Status>>();
  };
  Stream Open(IndexReplica& at, const std::string& token) {
    Stream stream;
    const auto start = at.sync().OpenStream(
        token, "127.0.0.1", [ended = stream.ended](const absl::Status& why) { *ended = why; });
    EXPECT_TRUE(start.ok()) << start.status();
    if (!start.ok()) return stream;
    stream.id = start->stream_id;
    stream.acknowledged = start->acknowledged;
    return stream;
  }
  static Announcement Message(uint64_t first, std::vector<StatementRecord> statements) {
    Announcement announcement;
    announcement.first_sequence = first;
    announcement.statements = std::move(statements);
    announcement.free_slots = 8;
    return announcement;
  }
  absl::StatusOr<uint64_t> Say(IndexReplica& at, const std::string& token, const Stream& stream,
                               uint64_t first, std::vector<StatementRecord> statements) {
    return at.sync().Apply(token, stream.id, Message(first, std::move(statements)));
  }
  static Reason WhyNot(IndexReplica& at, const std::string& token) {
    return GetReason(at.sync().KeyOf(token).status());
  }

  FakeClock clock_;
  MemoryEngine engine_;
};

TEST_F(ReplicasTest, APeerOfOneReplicaIsAPeerOfAll) {
  const auto a = Make();
  const auto b = Make();
  const std::string token = Register(*a, 1);
  EXPECT_EQ(*b->sync().KeyOf(token), TestKey(1)) << "even before b has heard of it";
  const Stream stream = Open(*b, token);
  EXPECT_EQ(*Say(*b, token, stream, 1, {Present(1, "book", 1)}), 1u);
  EXPECT_THAT(b->BooksOf(1), ElementsAre("book"));
  a->Settle();
  EXPECT_THAT(a->BooksOf(1), ElementsAre("book"));
  b->sync().CloseStream(token, stream.id);
  a->Settle();
  EXPECT_THAT(a->BooksOf(1), IsEmpty());
  EXPECT_EQ(Open(*a, token).acknowledged, 1u) << "it does not state again";
  b->Settle();
  EXPECT_THAT(b->BooksOf(1), ElementsAre("book"));
  a->sync().Unregister(token);
  b->Settle();
  EXPECT_EQ(WhyNot(*b, token), Reason::kSessionUnknown);
}

TEST_F(ReplicasTest, AReplicaThatJoinsLaterHasTheSame) {
  const auto a = Make();
  const std::string token = Register(*a, 1);
  const Stream stream = Open(*a, token);
  ASSERT_TRUE(Say(*a, token, stream, 1, {Present(1, "book", 1), Present(2, "other", 2)}).ok());
  ASSERT_TRUE(Say(*a, token, stream, 3, {StatementRecord::Gone(2)}).ok());
  const auto b = Make();
  EXPECT_THAT(b->BooksOf(1), ElementsAre("book"));
  EXPECT_EQ(b->log().birth(), a->log().birth());
}

TEST_F(ReplicasTest, NumbersAreUniqueAmongAll) {
  const auto a = Make();
  const auto b = Make();
  std::vector<uint32_t> numbers(12);
  std::vector<std::thread> peers;
  for (uint8_t i = 0; i < numbers.size(); ++i) {
    peers.emplace_back([&, i] {
      auto registered = TryRegister(i % 2 == 0 ? *a : *b, static_cast<uint8_t>(i + 1), 5);
      // With this many at once, some are told to come again.
      while (GetReason(registered.status()) == Reason::kLimitExceeded) {
        registered = TryRegister(i % 2 == 0 ? *a : *b, static_cast<uint8_t>(i + 1), 5);
      }
      numbers[i] = registered->peer_id;
    });
  }
  for (std::thread& peer : peers) peer.join();
  EXPECT_EQ(std::set<uint32_t>(numbers.begin(), numbers.end()).size(), numbers.size());
  EXPECT_THAT(numbers, testing::Contains(5u));
}

TEST_F(ReplicasTest, ANewerRegistrationSupersedesAtAllReplicas) {
  const auto a = Make();
  const auto b = Make();
  const std::string older = Register(*a, 1);
  const Stream stream = Open(*a, older);
  b->Settle();
  const std::string newer = Register(*b, 1);
  a->Settle();
  EXPECT_EQ(Why(stream.ended), "SESSION_SUPERSEDED");
  EXPECT_EQ(WhyNot(*a, older), Reason::kSessionSuperseded);
  EXPECT_EQ(WhyNot(*b, older), Reason::kSessionSuperseded);
  EXPECT_EQ(WhyNot(*a, newer), Reason::kUnspecified);
}

TEST_F(ReplicasTest, AStreamAtAnotherReplicaReplacesTheFirst) {
  const auto a = Make();
  const auto b = Make();
  const std::string token = Register(*a, 1);
  const Stream first = Open(*a, token);
  const Stream second = Open(*b, token);
  a->Settle();
  EXPECT_EQ(Why(first.ended), "STREAM_REPLACED");
  EXPECT_EQ(GetReason(Say(*a, token, first, 1, {Present(1, "x", 1)}).status()),
            Reason::kStreamReplaced);
  EXPECT_EQ(*Say(*b, token, second, 1, {Present(1, "book", 1)}), 1u);
  // The lease is timed where the stream is.
  clock_.Advance(kTestLease / 2);
  ASSERT_TRUE(Say(*b, token, second, 0, {}).ok());
  clock_.Advance(kTestLease / 2);
  a->sync().Expire();
  b->sync().Expire();
  EXPECT_THAT(b->BooksOf(1), ElementsAre("book"));
  clock_.Advance(kTestLease);
  a->sync().Expire();
  EXPECT_EQ(WhyNot(*a, token), Reason::kUnspecified);
  b->sync().Expire();
  a->Settle();
  EXPECT_EQ(WhyNot(*a, token), Reason::kSessionUnknown);
}

TEST_F(ReplicasTest, MovesAreSeenEverywhere) {
  const auto a = Make();
  const auto b = Make();
  const std::string source = Register(*a, 1);
  const Stream of_source = Open(*a, source);
  ASSERT_TRUE(Say(*a, source, of_source, 1, {Present(7, "book", 1)}).ok());
  const std::string receiver = Register(*b, 2);
  const Stream of_receiver = Open(*b, receiver);
  const auto moved =
      b->sync().UpdateOwner(receiver, {OwnerChange{TestKey(1), 7, Present(1, "book", 1)}});
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_TRUE((*moved)[0].ok());
  EXPECT_THAT(b->BooksOf(1), IsEmpty());
  EXPECT_THAT(b->BooksOf(2), ElementsAre("book"));
  a->Settle();
  EXPECT_THAT(a->BooksOf(1), IsEmpty());
  EXPECT_THAT(a->BooksOf(2), ElementsAre("book"));
}

TEST_F(ReplicasTest, ManyMovesFromManySourcesAreAllMade) {
  const auto a = Make();
  const std::string receiver = Register(*a, 1);
  Open(*a, receiver);
  std::vector<OwnerChange> changes;
  for (uint64_t i = 1; i <= 200; ++i) {
    changes.push_back(
        {TestKey(static_cast<uint8_t>(1 + i)), i, Present(i, absl::StrCat("book ", i), i)});
  }
  const auto moved = a->sync().UpdateOwner(receiver, changes);
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ(moved->size(), changes.size());
  EXPECT_EQ(a->BooksOf(1).size(), changes.size());
}

TEST_F(ReplicasTest, AKilledReplicasPeersMoveWithoutAGap) {
  auto a = Make();
  const auto b = Make();
  const auto observer = Make();
  const std::string token = Register(*a, 1);
  const Stream stream = Open(*a, token);
  ASSERT_TRUE(Say(*a, token, stream, 1, {Present(1, "book", 1)}).ok());
  observer->Settle();
  std::atomic<int> gaps = 0;
  observer->on_change = [&] {
    if (observer->BooksOf(1).empty()) ++gaps;
  };
  a->Kill();
  EXPECT_EQ(Open(*b, token).acknowledged, 1u);
  engine_.Expire(a->name());
  observer->Settle();
  EXPECT_EQ(gaps, 0);
  EXPECT_THAT(observer->BooksOf(1), ElementsAre("book"));
  observer->on_change = nullptr;
}

TEST_F(ReplicasTest, PeersThatGoWithTheirReplicaAreHiddenWithItAndEndALeaseLater) {
  auto a = Make();
  const auto b = Make();
  const std::string token = Register(*a, 1);
  const Stream stream = Open(*a, token);
  ASSERT_TRUE(Say(*a, token, stream, 1, {Present(1, "book", 1)}).ok());
  b->Settle();
  a->Kill();
  engine_.Expire(a->name());
  b->Settle();
  EXPECT_THAT(b->BooksOf(1), IsEmpty());
  const auto pass = [&](absl::Duration time) {
    clock_.Advance(time);
    b->janitor().Run();
    b->Settle();
  };
  pass(absl::Seconds(1));
  pass(kTestLease - absl::Milliseconds(1));
  EXPECT_EQ(WhyNot(*b, token), Reason::kUnspecified) << "it can still come back";
  pass(absl::Seconds(1));
  EXPECT_EQ(WhyNot(*b, token), Reason::kSessionUnknown);
}

TEST_F(ReplicasTest, AReplicaThatIsCutOffHidesNobodyAndSendsItsPeersAwayOnce) {
  const auto a = Make();
  const std::string token = Register(*a, 1);
  Stream stream = Open(*a, token);
  ASSERT_TRUE(Say(*a, token, stream, 1, {Present(1, "book", 1)}).ok());
  engine_.CutOff(a->name(), true);
  a->replicated().Expire();
  EXPECT_EQ(Why(stream.ended), "SHUTTING_DOWN");
  EXPECT_EQ(GetReason(TryRegister(*a, 2).status()), Reason::kStoreUnreachable);
  EXPECT_EQ(
      GetReason(
          a->sync().UpdateOwner(token, {OwnerChange{TestKey(3), 1, Present(2, "x", 2)}}).status()),
      Reason::kStoreUnreachable);
  EXPECT_THAT(a->BooksOf(1), ElementsAre("book"));
  // No other replica is there, so the peer comes back, and stays.
  stream = Open(*a, token);
  EXPECT_EQ(stream.acknowledged, 1u);
  clock_.Advance(kTestLease * 5);
  a->replicated().Expire();
  EXPECT_EQ(*Say(*a, token, stream, 0, {}), 1u) << "a heartbeat is answered";
  std::atomic<bool> answered = false;
  a->sessions().Apply(token, stream.id, Message(2, {Present(2, "waits", 2)}),
                      [&](const absl::StatusOr<Sessions::Applied>& applied) {
                        EXPECT_EQ(applied->acknowledged, 2u);
                        answered = true;
                      });
  a->replicated().Expire();
  EXPECT_FALSE(answered);
  EXPECT_EQ(Why(stream.ended), "open") << "once";
  engine_.CutOff(a->name(), false);
  a->replicated().Expire();
  a->Settle();
  EXPECT_TRUE(answered);
  EXPECT_THAT(a->BooksOf(1), ElementsAre("book", "waits"));
  EXPECT_EQ(Why(stream.ended), "open");
}

TEST_F(ReplicasTest, AfterTheLogIsLostPeersKeepTheirTokensAndStateAgain) {
  const auto a = Make();
  const auto b = Make();
  const std::string token = Register(*a, 1, 7);
  const Stream stream = Open(*a, token);
  ASSERT_TRUE(Say(*a, token, stream, 1, {Present(1, "book", 1)}).ok());
  const std::string birth = a->log().birth();
  b->Settle();
  engine_.Refound();
  a->AwaitBirthAfter(birth);
  b->AwaitBirthAfter(birth);
  EXPECT_NE(a->log().birth(), birth);
  EXPECT_EQ(Why(stream.ended), "SHUTTING_DOWN");
  a->sync().Expire();
  const Stream next = Open(*b, token);
  EXPECT_EQ(next.acknowledged, 0u);
  EXPECT_EQ(*Say(*b, token, next, 1, {Present(1, "book", 1)}), 1u);
  EXPECT_THAT(b->BooksOf(7), ElementsAre("book"));
  a->Settle();
  EXPECT_THAT(a->BooksOf(7), ElementsAre("book"));
}

TEST_F(ReplicasTest, AfterAnOlderBackupIsRestoredTheTokensOfBothTimesAreGood) {
  const auto a = Make();
  const std::string early = Register(*a, 1);
  const Stream of_early = Open(*a, early);
  ASSERT_TRUE(Say(*a, early, of_early, 1, {Present(1, "old", 1)}).ok());
  const MemoryEngine::Contents backup = engine_.Save();
  const std::string late = Register(*a, 2);
  Open(*a, late);
  const std::string birth = a->log().birth();
  engine_.Refound(backup);
  a->AwaitBirthAfter(birth);
  a->sync().Expire();
  EXPECT_EQ(WhyNot(*a, early), Reason::kUnspecified);
  EXPECT_EQ(WhyNot(*a, late), Reason::kUnspecified);
  EXPECT_EQ(Open(*a, early).acknowledged, 0u) << "it may have said more than the backup has";
}

TEST_F(ReplicasTest, ASessionOfABackupThatNoReplicaHasBeginsAgain) {
  auto a = Make();
  const std::string token = Register(*a, 1);
  Stream stream = Open(*a, token);
  ASSERT_TRUE(Say(*a, token, stream, 1, {Present(1, "one", 1)}).ok());
  const MemoryEngine::Contents backup = engine_.Save();
  ASSERT_TRUE(Say(*a, token, stream, 2, {Present(2, "two", 2)}).ok());
  const auto b = Make();
  const std::string birth = b->log().birth();
  a->Kill();
  engine_.Refound(backup);
  b->AwaitBirthAfter(birth);
  b->sync().Expire();
  EXPECT_EQ(WhyNot(*b, token), Reason::kUnspecified);
  stream = Open(*b, token);
  ASSERT_EQ(stream.acknowledged, 0u) << "not the 1 of the backup: its peer was told 2";
  // So the peer states everything from the first number on.
  EXPECT_EQ(*Say(*b, token, stream, 1, {Present(2, "two", 2), Present(3, "three", 3)}), 2u);
  EXPECT_THAT(b->BooksOf(1), ElementsAre("three", "two"));
}

TEST_F(ReplicasTest, ALostOutcomeChangesNothing) {
  const auto a = Make();
  engine_.LoseOutcomes(1);
  const std::string token = Register(*a, 1);
  EXPECT_EQ(WhyNot(*a, token), Reason::kUnspecified);
  engine_.LoseOutcomes(1);
  const Stream stream = Open(*a, token);
  engine_.LoseOutcomes(1);
  EXPECT_EQ(*Say(*a, token, stream, 1, {Present(1, "book", 1)}), 1u);
  engine_.LoseOutcomes(1);
  a->sync().CloseStream(token, stream.id);
  EXPECT_THAT(a->BooksOf(1), IsEmpty());
  EXPECT_THAT(Open(*a, token).acknowledged, 1u);
  EXPECT_THAT(a->BooksOf(1), ElementsAre("book"));
}

TEST_F(ReplicasTest, AFullStoreIsSaid) {
  const auto a = Make();
  const std::string token = Register(*a, 1);
  const Stream stream = Open(*a, token);
  engine_.SetFull(true);
  EXPECT_EQ(GetReason(Say(*a, token, stream, 1, {Present(1, "book", 1)}).status()),
            Reason::kStoreFull);
  engine_.SetFull(false);
}

TEST_F(ReplicasTest, AGracefulStopLeavesItsPeersListed) {
  auto a = Make();
  const auto b = Make();
  const std::string token = Register(*a, 1);
  const Stream stream = Open(*a, token);
  ASSERT_TRUE(Say(*a, token, stream, 1, {Present(1, "book", 1)}).ok());
  a->replicated().PrepareToStop();
  a->sync().CloseStream(token, stream.id);
  b->Settle();
  EXPECT_THAT(b->BooksOf(1), ElementsAre("book"));
}

}  // namespace
}  // namespace arkshare
