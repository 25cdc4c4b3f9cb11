#include "services/index/etcd/transaction_batcher.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace arkshare {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using Write = SharedLog::Write;

Write Put(const std::string& key, const std::string& chain = "",
          std::vector<SharedLog::Guard> guards = {}, size_t bytes = 1) {
  Write write;
  write.changes.push_back({key, std::string(bytes, 'x')});
  write.chain = chain;
  write.guards = std::move(guards);
  return write;
}

std::vector<uint64_t> Ids(const TransactionBatcher::Batch& batch) {
  std::vector<uint64_t> ids;
  for (const TransactionBatcher::Item& item : batch.items) ids.push_back(item.id);
  return ids;
}

TEST(TransactionBatcherTest, WritesThatFitGoTogether) {
  TransactionBatcher batcher;
  EXPECT_FALSE(batcher.Next().has_value());
  batcher.Add(1, Put("a"));
  batcher.Add(2, Put("b"));
  batcher.Add(3, {});
  const auto batch = batcher.Next();
  ASSERT_TRUE(batch.has_value());
  EXPECT_THAT(Ids(*batch), ElementsAre(1, 2, 3));
  EXPECT_EQ(batcher.queued_bytes(), 0u);
  EXPECT_FALSE(batcher.Next().has_value());
}

TEST(TransactionBatcherTest, AtMostTwoAreUnderWay) {
  TransactionBatcher batcher;
  batcher.Add(1, Put("a"));
  const auto first = batcher.Next();
  batcher.Add(2, Put("b"));
  const auto second = batcher.Next();
  batcher.Add(3, Put("c"));
  EXPECT_FALSE(batcher.Next().has_value());
  batcher.End(*first, {});
  EXPECT_THAT(Ids(batcher.Next().value()), ElementsAre(3));
  EXPECT_EQ(batcher.under_way(), 2u);
}

TEST(TransactionBatcherTest, AKeyIsChangedOnceInATransaction) {
  TransactionBatcher batcher;
  batcher.Add(1, Put("a"));
  batcher.Add(2, Put("a"));
  batcher.Add(3, Put("b"));
  EXPECT_THAT(Ids(batcher.Next().value()), ElementsAre(1, 3));
  EXPECT_THAT(Ids(batcher.Next().value()), ElementsAre(2));
}

TEST(TransactionBatcherTest, AKeyThatIsGuardedIsNotChangedInTheSameTransaction) {
  TransactionBatcher batcher;
  batcher.Add(1, Put("a", "", {{"s", 7}}));
  batcher.Add(2, Put("s"));
  batcher.Add(3, Put("b", "", {{"s", 7}}));
  batcher.Add(4, Put("c", "", {{"s", 8}}));
  EXPECT_THAT(Ids(batcher.Next().value()), ElementsAre(1, 3));
  EXPECT_THAT(Ids(batcher.Next().value()), ElementsAre(2));
}

TEST(TransactionBatcherTest, AWriteMayGuardTheKeyThatItChanges) {
  TransactionBatcher batcher;
  batcher.Add(1, Put("a", "", {{"a", 0}}));
  batcher.Add(2, Put("b", "", {{"b", 0}}));
  EXPECT_THAT(Ids(batcher.Next().value()), ElementsAre(1, 2));
}

TEST(TransactionBatcherTest, AChainIsInOneTransactionAtATime) {
  TransactionBatcher batcher;
  batcher.Add(1, Put("a", "chain"));
  const auto first = batcher.Next();
  batcher.Add(2, Put("b", "chain"));
  batcher.Add(3, Put("c"));
  EXPECT_THAT(Ids(batcher.Next().value()), ElementsAre(3));
  batcher.End(*first, {});
  EXPECT_THAT(Ids(batcher.Next().value()), ElementsAre(2));
}

TEST(TransactionBatcherTest, AWriteThatDoesNotFitHoldsUpItsChainOnly) {
  TransactionBatcher batcher;
  batcher.Add(1, Put("a"));
  batcher.Add(2, Put("a", "chain"));
  batcher.Add(3, Put("b", "chain"));
  batcher.Add(4, Put("c", "other"));
  EXPECT_THAT(Ids(batcher.Next().value()), ElementsAre(1, 4));
  EXPECT_THAT(Ids(batcher.Next().value()), ElementsAre(2, 3));
}

TEST(TransactionBatcherTest, LimitsOfATransaction) {
  TransactionBatcher changes;
  for (int i = 0; i < 200; ++i) changes.Add(i + 1, Put(absl::StrCat("k", i)));
  EXPECT_EQ(changes.Next().value().items.size(), TransactionBatcher::kMaxChanges);
  TransactionBatcher guards;
  for (int i = 0; i < 200; ++i) {
    Write write;
    write.guards = {{absl::StrCat("g", i), 1}, {absl::StrCat("h", i), 1}};
    guards.Add(i + 1, write);
  }
  EXPECT_EQ(guards.Next().value().items.size(), TransactionBatcher::kMaxGuards / 2);
  TransactionBatcher same_guard;
  for (int i = 0; i < 200; ++i) same_guard.Add(i + 1, Put(absl::StrCat("k", i), "", {{"g", 1}}));
  EXPECT_EQ(same_guard.Next().value().items.size(), TransactionBatcher::kMaxChanges);
  TransactionBatcher bytes;
  for (int i = 0; i < 10; ++i) bytes.Add(i + 1, Put(absl::StrCat("k", i), "", {}, 300 * 1024));
  EXPECT_EQ(bytes.Next().value().items.size(), 3u);
  TransactionBatcher large;
  large.Add(1, Put("a", "", {}, 1'150'000));
  large.Add(2, Put("b"));
  EXPECT_THAT(Ids(large.Next().value()), ElementsAre(1));
}

TEST(TransactionBatcherTest, WritesThatAreSentAgainComeFirstAndKeepTheirOrder) {
  TransactionBatcher batcher;
  for (int i = 1; i <= 3; ++i) batcher.Add(i, Put(absl::StrCat("k", i), "chain"));
  const auto batch = batcher.Next();
  batcher.Add(4, Put("k4", "chain"));
  batcher.Add(5, Put("k5"));
  batcher.End(*batch, {batch->items[1], batch->items[2]});
  EXPECT_THAT(Ids(batcher.Next().value()), ElementsAre(2, 3, 4, 5));
}

TEST(TransactionBatcherTest, DroppedWritesAreForgotten) {
  TransactionBatcher batcher;
  batcher.Add(1, Put("a", "chain"));
  const auto batch = batcher.Next();
  batcher.Add(2, Put("b", "chain"));
  batcher.Add(3, Put("c"));
  EXPECT_THAT(batcher.DropQueued(), UnorderedElementsAre(2, 3));
  EXPECT_EQ(batcher.queued_bytes(), 0u);
  batcher.End(*batch, {});
  EXPECT_FALSE(batcher.Next().has_value());
  batcher.Add(4, Put("d", "chain"));
  EXPECT_THAT(Ids(batcher.Next().value()), ElementsAre(4));
}

// Ends transactions in a random order, sends some of their writes again, and demands that every
// write goes once more than it was sent again, in the order of its chain.
TEST(TransactionBatcherTest, EveryWriteGoesInTheOrderOfItsChain) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    TransactionBatcher batcher;
    std::vector<TransactionBatcher::Batch> under_way;
    std::map<std::string, std::vector<uint64_t>> made;
    uint64_t id = 0;
    while (id < 100 || !under_way.empty() || batcher.queued_bytes() > 0) {
      if (id < 100 && random() % 2 == 0) {
        const std::string chain = absl::StrCat(random() % 4);
        Write write = Put(absl::StrCat("k", random() % 6), chain);
        if (random() % 3 == 0) write.guards.push_back({absl::StrCat("k", random() % 6), 1});
        batcher.Add(++id, std::move(write));
      }
      if (auto batch = batcher.Next()) under_way.push_back(*std::move(batch));
      if (under_way.empty() || random() % 3 == 0) continue;
      std::swap(under_way[random() % under_way.size()], under_way.back());
      const TransactionBatcher::Batch batch = std::move(under_way.back());
      under_way.pop_back();
      std::vector<TransactionBatcher::Item> again;
      std::set<std::string> stopped;
      for (const TransactionBatcher::Item& item : batch.items) {
        if (random() % 4 == 0) stopped.insert(item.write.chain);
        if (stopped.count(item.write.chain) > 0) {
          again.push_back(item);
        } else {
          made[item.write.chain].push_back(item.id);
        }
      }
      batcher.End(batch, std::move(again));
    }
    size_t total = 0;
    for (const auto& [chain, ids] : made) {
      EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end())) << "seed " << seed;
      total += ids.size();
    }
    EXPECT_EQ(total, 100u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace arkshare
