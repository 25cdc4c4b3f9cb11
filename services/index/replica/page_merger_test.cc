#include "services/index/replica/page_merger.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "services/index/replica/testing/test_replica.h"

namespace arkshare {
namespace {

using testing::SizeIs;

class PageMergerTest : public testing::Test {
 protected:
  // The janitor is the live replica with the smallest name.
  PageMergerTest() { engine_.ExpireAtEnd(); }

  struct Peer {
    std::string token;
    uint64_t stream = 0;
    uint64_t sent = 0;
  };
  static std::string RegisterAt(IndexReplica& at, uint8_t key) {
    return at.sync().Register({at.sync().BeginRegistration(), TestPeer(key, key), true, ""})->token;
  }
  static void OpenAt(IndexReplica& at, Peer& peer) {
    const auto start = at.sync().OpenStream(peer.token, "127.0.0.1", [](const absl::Status&) {});
    ASSERT_TRUE(start.ok()) << start.status();
    EXPECT_EQ(start->acknowledged, peer.sent);
    peer.stream = start->stream_id;
  }
  Peer Join(uint8_t key) {
    Peer peer{RegisterAt(replica_, key)};
    OpenAt(replica_, peer);
    return peer;
  }
  void Say(Peer& peer, std::vector<StatementRecord> statements) {
    SayAt(replica_, peer, statements);
  }
  static void SayAt(IndexReplica& at, Peer& peer, const std::vector<StatementRecord>& statements) {
    Announcement announcement;
    announcement.first_sequence = peer.sent + 1;
    announcement.statements = statements;
    announcement.snapshot_complete = true;
    peer.sent += statements.size();
    const auto applied = at.sync().Apply(peer.token, peer.stream, announcement);
    ASSERT_TRUE(applied.ok()) << applied.status();
    EXPECT_EQ(*applied, peer.sent);
  }
  // Merges until there is nothing more to do.
  static void MergeAt(IndexReplica& at) {
    while (true) {
      at.merger().Run();
      if (!at.merger().busy()) return;
      while (at.merger().busy()) std::this_thread::yield();
      at.Settle();
    }
  }
  void Merge() { MergeAt(replica_); }
  struct Stored {
    size_t keys = 0;
    size_t bytes = 0;
  };
  Stored StoredUnder(const std::string& prefix) {
    Stored stored;
    for (const auto& [key, entry] : engine_.Save()) {
      if (!absl::StartsWith(key, prefix)) continue;
      ++stored.keys;
      stored.bytes += key.size() + entry.value.size();
    }
    return stored;
  }
  // A replica that joins now has the same books.
  void ExpectSameAtANewReplica(uint32_t peer) {
    IndexReplica joined(&engine_, &clock_);
    EXPECT_EQ(joined.BooksOf(peer), replica_.BooksOf(peer));
  }
  static StatementRecord Book(uint64_t number) {
    return Present(number, absl::StrCat("book ", number), number);
  }

  FakeClock clock_;
  MemoryEngine engine_;
  IndexReplica replica_{&engine_, &clock_};
};

TEST_F(PageMergerTest, ChurnLeavesNoMoreThanIsAnnounced) {
  Peer peer = Join(1);
  constexpr uint64_t kKept = 20;
  for (uint64_t number = 1; number <= 800; ++number) {
    Say(peer, {Book(number)});
    if (number > kKept) Say(peer, {StatementRecord::Gone(number - kKept)});
    if (number % 50 == 0) Merge();
    if (number % 400 != 0) continue;
    const Stored stored = StoredUnder("c/");
    EXPECT_LE(stored.keys, 3u * 33u) << number;
    EXPECT_LE(stored.bytes, 40'000u) << number;
    EXPECT_THAT(replica_.BooksOf(1), SizeIs(kKept));
    ExpectSameAtANewReplica(1);
  }
}

TEST_F(PageMergerTest, ALargeFolderThatIsReplacedIsStoredOnce) {
  Peer peer = Join(1);
  const auto replace = [&](uint64_t first, uint64_t count) {
    for (uint64_t from = first; from < first + count; from += 500) {
      std::vector<StatementRecord> some;
      for (uint64_t number = from; number < from + 500; ++number) some.push_back(Book(number));
      Say(peer, some);
      some.clear();
      for (uint64_t number = from; number < from + 500 && number > count; ++number) {
        some.push_back(StatementRecord::Gone(number - count));
      }
      if (!some.empty()) Say(peer, some);
    }
  };
  replace(1, 2'000);
  Merge();
  const Stored once = StoredUnder("c/");
  for (uint64_t round = 1; round < 6; ++round) {
    replace(1 + 2'000 * round, 2'000);
    Merge();
  }
  const Stored stored = StoredUnder("c/");
  EXPECT_LE(stored.bytes, 4 * once.bytes);
  EXPECT_LE(stored.keys, 4 * once.keys);
  ExpectSameAtANewReplica(1);
}

TEST_F(PageMergerTest, StatementsThatSayNothingNewAreNotStored) {
  Peer peer = Join(1);
  Say(peer, {Book(1), Book(2), StatementRecord::Gone(3)});
  for (int i = 0; i < 500; ++i) Say(peer, {Book(1), Book(2), StatementRecord::Gone(3)});
  Merge();
  EXPECT_LE(StoredUnder("c/").keys, 33u);
  EXPECT_LE(StoredUnder("c/").bytes, 33u * 200u);
  EXPECT_THAT(replica_.BooksOf(1), SizeIs(2));
  ExpectSameAtANewReplica(1);
}

TEST_F(PageMergerTest, APeerGoesOnAtAnotherReplicaWhereItWas) {
  IndexReplica other(&engine_, &clock_);
  Peer peer = Join(1);
  for (uint64_t number = 1; number <= 100; ++number) Say(peer, {Book(number)});
  Merge();
  EXPECT_LE(StoredUnder("c/").keys, 10u);
  OpenAt(other, peer);
  SayAt(other, peer, {StatementRecord::Gone(50)});
  replica_.Settle();
  EXPECT_THAT(replica_.BooksOf(1), SizeIs(99));
  ExpectSameAtANewReplica(1);
}

TEST_F(PageMergerTest, TheReplicaThatHasTheStreamMerges) {
  IndexReplica other(&engine_, &clock_);
  Peer peer = Join(1);
  for (uint64_t number = 1; number <= 40; ++number) Say(peer, {Book(number)});
  other.Settle();
  MergeAt(other);
  EXPECT_EQ(StoredUnder("c/").keys, 40u);
  // The stream moves, and with it the work.
  OpenAt(other, peer);
  other.Settle();
  replica_.Settle();
  Merge();
  EXPECT_EQ(StoredUnder("c/").keys, 40u);
  MergeAt(other);
  EXPECT_EQ(StoredUnder("c/").keys, 1u);
  ExpectSameAtANewReplica(1);
}

TEST_F(PageMergerTest, TwoReplicasThatMergeAtOnceLoseNothing) {
  auto other = std::make_unique<IndexReplica>(&engine_, &clock_);
  Peer peer = Join(1);
  for (uint64_t number = 1; number <= 40; ++number) Say(peer, {Book(number)});
  Say(peer, {StatementRecord::Gone(7)});
  other->Settle();
  // The merge of the first one is on its way while the stream moves.
  engine_.Hold(replica_.name(), true);
  replica_.merger().Run();
  OpenAt(*other, peer);
  MergeAt(*other);
  SayAt(*other, peer, {StatementRecord::Gone(8)});
  engine_.Hold(replica_.name(), false);
  replica_.Settle();
  other->Settle();
  EXPECT_THAT(replica_.BooksOf(1), SizeIs(38));
  EXPECT_EQ(other->BooksOf(1), replica_.BooksOf(1));
  ExpectSameAtANewReplica(1);
}

TEST_F(PageMergerTest, AMergeWhoseOutcomeIsLostIsMadeAllTheSame) {
  Peer peer = Join(1);
  for (uint64_t number = 1; number <= 40; ++number) Say(peer, {Book(number)});
  engine_.LoseOutcomes(1);
  Merge();
  EXPECT_EQ(StoredUnder("c/").keys, 1u);
  ExpectSameAtANewReplica(1);
}

TEST_F(PageMergerTest, AMergeThatFailsIsTriedAgainLater) {
  Peer peer = Join(1);
  for (uint64_t number = 1; number <= 40; ++number) Say(peer, {Book(number)});
  engine_.SetFull(true);
  Merge();
  EXPECT_EQ(StoredUnder("c/").keys, 40u);
  engine_.SetFull(false);
  Merge();
  EXPECT_EQ(StoredUnder("c/").keys, 40u) << "not at once";
  clock_.Advance(absl::Seconds(2));
  Merge();
  EXPECT_EQ(StoredUnder("c/").keys, 1u);
}

TEST_F(PageMergerTest, TombstonesOfManyMovesAreMerged) {
  Peer source = Join(1);
  Peer receiver = Join(2);
  std::vector<StatementRecord> books;
  for (uint64_t number = 1; number <= 400; ++number) books.push_back(Book(number));
  Say(source, books);
  for (uint64_t number = 1; number <= 300; ++number) {
    const std::vector<OwnerChange> moves = {{TestKey(1), number, Book(number)}};
    ASSERT_TRUE(replica_.sync().UpdateOwner(receiver.token, moves).ok());
    if (number % 40 == 0) Merge();
  }
  Merge();
  EXPECT_LE(StoredUnder("t/").keys, 33u);
  EXPECT_LE(StoredUnder("c/").keys, 80u);
  EXPECT_THAT(replica_.BooksOf(1), SizeIs(100));
  EXPECT_THAT(replica_.BooksOf(2), SizeIs(300));
  // They hold in the next session of the source, until it has stated its folder and they are
  // handed over.
  Peer again{RegisterAt(replica_, 1)};
  OpenAt(replica_, again);
  Say(again, books);
  EXPECT_THAT(replica_.BooksOf(1), SizeIs(100));
  ExpectSameAtANewReplica(1);
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(absl::Seconds(1));
    replica_.janitor().Run();
    replica_.Settle();
  }
  EXPECT_EQ(StoredUnder("t/").keys, 0u);
  EXPECT_THAT(replica_.BooksOf(1), SizeIs(100));
  ExpectSameAtANewReplica(1);
}

}  // namespace
}  // namespace arkshare
