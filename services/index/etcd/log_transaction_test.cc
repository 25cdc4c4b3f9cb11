#include "services/index/etcd/log_transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "services/index/etcd/testing/fake_store.h"

namespace arkshare {
namespace {

using ::testing::SizeIs;

constexpr char kTxnPrefix[] = "/p/";
constexpr char kTxnBirth[] = "0123456789abcdef";

class LogTransactionTest : public testing::Test {
 protected:
  LogTransactionTest() {
    etcdserverpb::TxnRequest birth;
    AddPut("/p/birth", kTxnBirth, birth.add_success());
    Send(birth);
  }

  etcdserverpb::TxnResponse Send(const etcdserverpb::TxnRequest& request) {
    etcdserverpb::TxnResponse response;
    const grpc::Status status = store_.Txn(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  void Add(SharedLog::Write write) { batch_.items.push_back({++id_, std::move(write)}); }

  FakeStore store_;
  TransactionBatcher::Batch batch_;
  uint64_t id_ = 0;
};

TEST_F(LogTransactionTest, TheChangesAreMadeInOrderAndHeadAfterThem) {
  Add({{}, {{"b", "1"}, {"a", "2"}}, ""});
  Add({{{"g", 0}}, {{"c", "3"}, {"gone", std::nullopt}}, ""});
  const auto response = Send(MakeTransaction(kTxnPrefix, kTxnBirth, batch_));
  EXPECT_TRUE(response.succeeded());
  const std::vector<mvccpb::Event> events = store_.Events(response.header().revision(), 1);
  ASSERT_THAT(events, SizeIs(4));
  EXPECT_EQ(events[0].kv().key(), "/p/b");
  EXPECT_EQ(events[1].kv().key(), "/p/a");
  EXPECT_EQ(events[2].kv().key(), "/p/c");
  EXPECT_EQ(events[3].kv().key(), "/p/head");
}

TEST_F(LogTransactionTest, AnotherBirthMakesNothing) {
  Add({{}, {{"a", "1"}}, ""});
  const auto response = Send(MakeTransaction(kTxnPrefix, "another", batch_));
  EXPECT_FALSE(response.succeeded());
  const auto because = ReadNotMade("another", batch_, response);
  ASSERT_TRUE(because.has_value());
  EXPECT_TRUE(because->other_birth);
  EXPECT_EQ(store_.revision(), 2);
}

TEST_F(LogTransactionTest, TheWritesWhoseGuardsFailedAreTold) {
  Add({{}, {{"s", "x"}}, ""});
  const int64_t revision = Send(MakeTransaction(kTxnPrefix, kTxnBirth, batch_)).header().revision();
  batch_.items.clear();
  Add({{{"s", revision}, {"n", 0}}, {{"a", "1"}}, ""});
  Add({{{"l", 9}, {"s", revision}}, {{"b", "1"}}, ""});
  Add({{}, {{"c", "1"}}, ""});
  const auto response = Send(MakeTransaction(kTxnPrefix, kTxnBirth, batch_));
  EXPECT_FALSE(response.succeeded());
  const auto because = ReadNotMade(kTxnBirth, batch_, response);
  ASSERT_TRUE(because.has_value());
  EXPECT_FALSE(because->other_birth);
  ASSERT_THAT(because->outcomes, SizeIs(3));
  EXPECT_FALSE(because->outcomes[0].has_value());
  ASSERT_TRUE(because->outcomes[1].has_value());
  EXPECT_FALSE(because->outcomes[2].has_value());
  const SharedLog::Outcome& outcome = *because->outcomes[1];
  EXPECT_FALSE(outcome.made);
  EXPECT_EQ(outcome.revision, revision);
  ASSERT_THAT(outcome.found, SizeIs(2));
  EXPECT_EQ(outcome.found[0].key, "l");
  EXPECT_EQ(outcome.found[0].revision, 0);
  EXPECT_EQ(outcome.found[1].key, "s");
  EXPECT_EQ(outcome.found[1].value, "x");
  EXPECT_EQ(outcome.found[1].revision, revision);
}

TEST_F(LogTransactionTest, AnAnswerOfAnotherFormIsRefused) {
  Add({{{"s", 1}}, {{"a", "1"}}, ""});
  EXPECT_EQ(ReadNotMade(kTxnBirth, batch_, etcdserverpb::TxnResponse()), std::nullopt);
}

}  // namespace
}  // namespace arkshare
