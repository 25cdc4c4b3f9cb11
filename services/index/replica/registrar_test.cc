// Registrations that come together.
#include "services/index/replica/registrar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "services/index/replica/testing/test_replica.h"

namespace arkshare {
namespace {

class RegistrarTest : public testing::Test {
 protected:
  // Registers peers at the replicas in turns, and decides all before one is made. Returns their
  // numbers.
  std::vector<uint32_t> RegisterTogether(const std::vector<IndexReplica*>& replicas, size_t peers) {
    std::vector<std::promise<absl::StatusOr<Sessions::Registered>>> answers(peers);
    std::vector<uint64_t> orders;
    for (size_t i = 0; i < peers; ++i) {
      orders.push_back(replicas[i % replicas.size()]->sync().BeginRegistration());
    }
    for (IndexReplica* replica : replicas) engine_.Hold(replica->name(), true);
    for (size_t i = 0; i < peers; ++i) {
      const auto key = static_cast<uint8_t>(i + 1);
      PeerInfo peer = TestPeer(0, key);
      peer.address = TestPeer(key, key).address;
      replicas[i % replicas.size()]->sessions().Register(
          {orders[i], std::move(peer), true, ""},
          [&answer = answers[i]](const auto& registered) { answer.set_value(registered); });
    }
    for (IndexReplica* replica : replicas) engine_.Hold(replica->name(), false);
    std::vector<uint32_t> numbers;
    for (auto& answer : answers) {
      const auto registered = answer.get_future().get();
      EXPECT_TRUE(registered.ok()) << registered.status();
      if (registered.ok()) numbers.push_back(registered->peer_id);
    }
    return numbers;
  }

  FakeClock clock_;
  MemoryEngine engine_;
};

TEST_F(RegistrarTest, PeersThatComeTogetherGetTheSmallestNumbersAtOnce) {
  const auto a = std::make_unique<IndexReplica>(&engine_, &clock_);
  std::vector<uint32_t> wanted(30);
  std::iota(wanted.begin(), wanted.end(), 1);
  EXPECT_THAT(RegisterTogether({a.get()}, wanted.size()),
              testing::UnorderedElementsAreArray(wanted));
}

TEST_F(RegistrarTest, PeersThatComeTogetherToTwoReplicasAllGetNumbers) {
  const auto a = std::make_unique<IndexReplica>(&engine_, &clock_);
  const auto b = std::make_unique<IndexReplica>(&engine_, &clock_);
  const std::vector<uint32_t> numbers = RegisterTogether({a.get(), b.get()}, 60);
  EXPECT_EQ(std::set<uint32_t>(numbers.begin(), numbers.end()).size(), 60u);
}

}  // namespace
}  // namespace arkshare
