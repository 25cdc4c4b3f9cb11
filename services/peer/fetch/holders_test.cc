#include "services/peer/fetch/holders.h"

#include <gmock/gmock.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/byte_size.h"
#include "lib/core/limits.h"
#include "lib/core/mutex.h"
#include "lib/rpc/relayed_target.h"
#include "lib/rpc/server.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::ElementsAre;

// --- The order ---

BookHolder HolderOf(const PublicKey& key) {
  return {.key = key, .address = "127.0.0.1:1", .name = Must(BookName::Parse("book"))};
}

struct Known {
  double round_trip_ms = 1;
  double goodput_mib = 0;  // a second; 0: unknown
  double limit_mib = 0;
  uint32_t free_slots = 1;
  bool relayed = false;
};

// Their numbers, from 1, the best one first.
std::vector<uint32_t> Ranked(const std::vector<Known>& all, uint64_t bytes) {
  static const PublicKey key = PrivateKey::Generate().public_key();
  std::vector<BookHolder> holders;
  for (const Known& known : all) {
    BookHolder& holder = holders.emplace_back(HolderOf(key));
    holder.peer_id = static_cast<uint32_t>(holders.size());
    holder.round_trip = absl::Milliseconds(known.round_trip_ms);
    if (known.goodput_mib > 0) holder.goodput = known.goodput_mib * kMiB;
    holder.upload_limit = static_cast<uint64_t>(known.limit_mib * kMiB);
    holder.free_slots = known.free_slots;
    holder.relayed = known.relayed;
  }
  RankHolders(holders, bytes);
  std::vector<uint32_t> order;
  for (const BookHolder& holder : holders) order.push_back(holder.peer_id);
  return order;
}

TEST(RankHoldersTest, ATable) {
  const uint64_t small = kMaxSmallRangeBytes;
  const uint64_t large = 100 * kMiB;
  // A short book comes from the nearest, a long one from the fastest.
  EXPECT_THAT(Ranked({{50, 100}, {1, 5}}, small / 8), ElementsAre(2, 1));
  EXPECT_THAT(Ranked({{50, 100}, {1, 5}}, large), ElementsAre(1, 2));
  // Among strangers, and for nothing, the round trip decides.
  EXPECT_THAT(Ranked({{50}, {1}, {9}}, large), ElementsAre(2, 3, 1));
  EXPECT_THAT(Ranked({{50, 100}, {1, 5}}, 0), ElementsAre(2, 1));
  // A holder of unknown goodput counts as fast as the best known one.
  EXPECT_THAT(Ranked({{2, 40}, {3, 10}, {1}}, large), ElementsAre(3, 1, 2));
  EXPECT_THAT(Ranked({{2, 40}, {3, 10}, {4}}, large), ElementsAre(1, 3, 2));
  // A limit counts, also against what was measured before it was set.
  EXPECT_THAT(Ranked({{1, 0, 1}, {30, 0, 2}, {50}}, large), ElementsAre(3, 2, 1));
  EXPECT_THAT(Ranked({{1, 100, 1}, {30, 5}}, large), ElementsAre(2, 1));
  EXPECT_THAT(Ranked({{1, 5, 100}, {30, 10}}, large), ElementsAre(2, 1)) << "a limit is no promise";
  // Without a free slot it takes twice as long, and a second at least ...
  EXPECT_THAT(Ranked({{1, 15, 0, 0}, {1, 10, 0, 1}}, large), ElementsAre(2, 1));
  EXPECT_THAT(Ranked({{1, 25, 0, 0}, {1, 10, 0, 1}}, large), ElementsAre(1, 2));
  EXPECT_THAT(Ranked({{1, 100, 0, 0}, {900, 100, 0, 8}}, kMiB), ElementsAre(2, 1));
  EXPECT_THAT(Ranked({{1, 0, 0, 0}, {900, 0, 0, 8}}, 0), ElementsAre(2, 1));
  // ... but small ranges need none.
  EXPECT_THAT(Ranked({{1, 100, 0, 0}, {900, 100, 0, 8}}, small), ElementsAre(1, 2));
  // In the order that they had, where nothing is different.
  EXPECT_THAT(Ranked({{1}, {1}, {1}}, large), ElementsAre(1, 2, 3));
  EXPECT_THAT(Ranked({}, large), ElementsAre());
}

TEST(RankHoldersTest, ThroughTheRelayTheEstimateCountsTwice) {
  const uint64_t large = 100 * kMiB;
  EXPECT_THAT(Ranked({{1, 15, 0, 1, true}, {1, 10}}, large), ElementsAre(2, 1));
  EXPECT_THAT(Ranked({{1, 25, 0, 1, true}, {1, 10}}, large), ElementsAre(1, 2));
  EXPECT_THAT(Ranked({{15, 0, 0, 1, true}, {20}}, 0), ElementsAre(2, 1));
  // The direct one of two that are alike comes first.
  EXPECT_THAT(Ranked({{5, 10, 0, 1, true}, {5, 10}}, large), ElementsAre(2, 1));
}

TEST(KeepFewRelayedTest, BesideADirectHolderTheRelayIsUsedOnce) {
  const PublicKey key = PrivateKey::Generate().public_key();
  const auto kept = [&](const std::vector<bool>& relayed) {
    std::vector<BookHolder> holders;
    for (const bool one : relayed) {
      BookHolder& holder = holders.emplace_back(HolderOf(key));
      holder.peer_id = static_cast<uint32_t>(holders.size());
      holder.relayed = one;
    }
    KeepFewRelayed(holders);
    std::vector<uint32_t> ids;
    for (const BookHolder& holder : holders) ids.push_back(holder.peer_id);
    return ids;
  };
  EXPECT_THAT(kept({true, false, true, true, false}), ElementsAre(1, 2, 5));
  EXPECT_THAT(kept({true, true, true}), ElementsAre(1, 2, 3));
  EXPECT_THAT(kept({false, false}), ElementsAre(1, 2));
}

TEST(RankHoldersTest, TheTimeDependsOnTheBytes) {
  BookHolder holder = HolderOf(PrivateKey::Generate().public_key());
  holder.round_trip = absl::Milliseconds(10);
  EXPECT_EQ(ExpectedTime(holder, 2'000'000, 1e6), absl::Milliseconds(2010));
  holder.goodput = 0;  // it sent nothing: late, not never
  EXPECT_LT(ExpectedTime(holder, 1000, 1e6), absl::InfiniteDuration());
}

// --- Measurements ---

class HoldersTest : public testing::Test {
 protected:
  std::optional<double> GoodputOf(const PublicKey& key) {
    BookHolder holder = HolderOf(key);
    holders_.Fill(holder);
    return holder.goodput;
  }

  FakeClock clock_;
  Holders holders_{Dialer::Plaintext(), &clock_};
  const PublicKey peer_ = PrivateKey::Generate().public_key();
};

TEST_F(HoldersTest, GoodputIsAWeightedMean) {
  EXPECT_EQ(GoodputOf(peer_), std::nullopt);
  holders_.NoteGoodput(peer_, 10 * kMiB, absl::Seconds(1));
  EXPECT_DOUBLE_EQ(*GoodputOf(peer_), 10.0 * kMiB);
  holders_.NoteGoodput(peer_, 20 * kMiB, absl::Seconds(1));
  EXPECT_DOUBLE_EQ(*GoodputOf(peer_), 13.0 * kMiB);
  for (int i = 0; i < 20; ++i) holders_.NoteGoodput(peer_, 60 * kMiB, absl::Seconds(2));
  EXPECT_NEAR(*GoodputOf(peer_), 30.0 * kMiB, 0.1 * kMiB);
  for (int i = 0; i < 3; ++i) holders_.NoteGoodput(peer_, 0, absl::Seconds(5));
  EXPECT_NEAR(*GoodputOf(peer_), 30.0 * kMiB * 0.343, 0.1 * kMiB) << "it sent nothing";
}

TEST_F(HoldersTest, IgnoresMeasurementsThatAreTooShort) {
  holders_.NoteGoodput(peer_, 100'000, absl::Milliseconds(20));
  holders_.NoteGoodput(peer_, 100 * kMiB, absl::ZeroDuration());
  holders_.NoteGoodput(peer_, kMiB, -absl::Seconds(1));
  EXPECT_EQ(GoodputOf(peer_), std::nullopt);
  holders_.NoteGoodput(peer_, 100'000, absl::Seconds(1));
  EXPECT_DOUBLE_EQ(*GoodputOf(peer_), 100'000);
}

TEST_F(HoldersTest, GivesAnotherChanceAfterSomeMinutes) {
  holders_.NoteGoodput(peer_, 1000, absl::Seconds(1));
  clock_.Advance(absl::Minutes(9));
  EXPECT_TRUE(GoodputOf(peer_).has_value());
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(GoodputOf(peer_), std::nullopt);
  holders_.NoteGoodput(peer_, kMiB, absl::Seconds(1));
  EXPECT_DOUBLE_EQ(*GoodputOf(peer_), 1.0 * kMiB) << "earlier measurements do not count any more";
}

TEST_F(HoldersTest, RemembersTheLatestThousand) {
  holders_.NoteGoodput(peer_, kMiB, absl::Seconds(1));
  std::vector<PublicKey> others;
  for (int i = 0; i < 1024; ++i) {
    clock_.Advance(absl::Milliseconds(1));
    others.push_back(PrivateKey::Generate().public_key());
    holders_.NoteGoodput(others.back(), kMiB, absl::Seconds(1));
  }
  EXPECT_EQ(GoodputOf(peer_), std::nullopt);
  EXPECT_TRUE(GoodputOf(others.front()).has_value());
  EXPECT_TRUE(GoodputOf(others.back()).has_value());
}

TEST_F(HoldersTest, IsThreadSafe) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 500; ++i) {
        holders_.NoteGoodput(peer_, kMiB, absl::Seconds(1));
        GoodputOf(peer_);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_NEAR(*GoodputOf(peer_), 1.0 * kMiB, 1);
}

TEST_F(HoldersTest, ASlowHolderComesLater) {
  KeepGrpcRunning();
  const FakeBook book = FakeBook::OfSize(10);
  FakeHolder slow(book);
  FakeHolder fast(book);
  holders_.NoteGoodput(slow.AsHolder(1).key, 100 * 1000, absl::Seconds(10));
  holders_.NoteGoodput(fast.AsHolder(2).key, 100 * kMiB, absl::Seconds(1));
  const std::vector<BookHolder> found =
      holders_.Reachable({slow.AsHolder(1), fast.AsHolder(2)}, absl::Seconds(30), 1000 * kMiB);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].peer_id, 2U);
  EXPECT_DOUBLE_EQ(*found[0].goodput, 100.0 * kMiB);
  EXPECT_LT(found[1].round_trip, absl::Seconds(30));
  // Measured round trips only get shorter here, or are smoothed: the first one made a connection.
  BookHolder again = fast.AsHolder(2);
  holders_.Fill(again);
  EXPECT_EQ(again.round_trip, found[0].round_trip);
}

// Answers pings, which prove nothing, once 16 of them have come.
class PingCounter final : public v1::FileService::Service {
 public:
  grpc::Status Ping(grpc::ServerContext*, const v1::PingRequest*, v1::PingResponse*) override {
    MutexLock lock(&mutex_);
    ++pings_;
    most_ = std::max(most_, ++running_);
    changed_.NotifyAll();
    while (most_ < 16) changed_.Wait(&mutex_);
    --running_;
    return grpc::Status::OK;
  }
  int pings() {
    MutexLock lock(&mutex_);
    return pings_;
  }
  int most_at_a_time() {
    MutexLock lock(&mutex_);
    return most_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int pings_ ABSL_GUARDED_BY(mutex_) = 0;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  int most_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_F(HoldersTest, AHolderInThisNetworkIsReachedThere) {
  KeepGrpcRunning();
  const FakeBook book = FakeBook::OfSize(10);
  FakeHolder fake(book);
  BookHolder near = fake.AsHolder(1);
  const std::string here = near.address;
  near.address.clear();
  near.relay = RelayedTarget("127.0.0.1:1", 1);  // nothing listens there
  BookHolder direct = fake.AsHolder(2);
  // Another key at the same address.
  BookHolder other = near;
  other.peer_id = 3;
  other.key = peer_;
  std::vector<PublicKey> asked;
  holders_.SetFindLocal([&](const PublicKey& key) {
    asked.push_back(key);
    return here;
  });
  const std::vector<BookHolder> found =
      holders_.Reachable({near, direct, other}, absl::Seconds(30));
  EXPECT_THAT(asked, ElementsAre(near.key, peer_)) << "a holder without a relay needs no other way";
  ASSERT_EQ(found.size(), 2u);
  for (const BookHolder& holder : found) {
    EXPECT_NE(holder.peer_id, 3u);
    EXPECT_EQ(holder.address, here);
    EXPECT_FALSE(holder.relayed);
  }
}

TEST_F(HoldersTest, AnAddressThatIsDeadIsReportedThoughThereIsAnotherWay) {
  KeepGrpcRunning();
  const FakeBook book = FakeBook::OfSize(10);
  FakeHolder fake(book);
  BookHolder holder = fake.AsHolder(1);
  const std::string here = holder.address;
  holder.address = "127.0.0.1:1";  // nothing listens there
  holder.relay = here;             // as good as a relay for this test
  ASSERT_EQ(holders_.Reachable({holder}, absl::Seconds(30)).size(), 1u);
  EXPECT_THAT(holders_.TakeSilent(), ElementsAre(holder.key));
  EXPECT_TRUE(holders_.TakeSilent().empty());
}

TEST_F(HoldersTest, ManyHoldersAreDialledSomeAtATimeAndNotAllOfThem) {
  KeepGrpcRunning();
  PingCounter counter;
  const auto server = Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {&counter}));
  std::vector<BookHolder> named(5000, HolderOf(PrivateKey::Generate().public_key()));
  for (BookHolder& holder : named) holder.address = server->address();
  EXPECT_TRUE(holders_.Reachable(named, absl::Minutes(5)).empty());
  EXPECT_EQ(counter.pings(), 64);
  EXPECT_EQ(counter.most_at_a_time(), 16);
}

}  // namespace
}  // namespace arkshare
