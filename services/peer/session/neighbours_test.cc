#include "services/peer/session/neighbours.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/mutex.h"
#include "lib/rpc/dialer.h"
#include "lib/rpc/server.h"

namespace arkshare {
namespace {

PublicKey KeyOf(char seed) { return PrivateKey::FromSeed(std::string(32, seed))->public_key(); }

// Only lists the peers of a network.
class FakeNetwork : public v1::IndexService::Service {
 public:
  grpc::Status ListPeers(grpc::ServerContext* /*context*/, const v1::ListPeersRequest* request,
                         v1::ListPeersResponse* response) override {
    MutexLock lock(&mutex_);
    ++calls_;
    EXPECT_TRUE(request->same_network());
    if (away_) return {grpc::StatusCode::UNAVAILABLE, "away"};
    for (const v1::Peer& peer : peers_) *response->add_peers() = peer;
    return grpc::Status::OK;
  }
  void Add(uint32_t id, const PublicKey& key, const std::string& local_address) {
    MutexLock lock(&mutex_);
    v1::Peer& peer = peers_.emplace_back();
    peer.set_peer_id(id);
    peer.set_public_key(key.bytes());
    peer.set_policy(v1::SHARE_POLICY_COPY);
    peer.set_local_address(local_address);
  }
  void Clear(bool away = false) {
    MutexLock lock(&mutex_);
    peers_.clear();
    away_ = away;
  }
  int calls() {
    MutexLock lock(&mutex_);
    return calls_;
  }

 private:
  Mutex mutex_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool away_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<v1::Peer> peers_ ABSL_GUARDED_BY(mutex_);
};

class NeighboursTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<RpcServer>> server =
        RpcServer::Start({.listen = "127.0.0.1:0"}, {&fake_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    index_ = std::make_unique<IndexClient>(std::vector<std::string>{server_->address()},
                                           Dialer::Plaintext());
    neighbours_ = std::make_unique<Neighbours>(index_.get(), &clock_);
  }

  FakeClock clock_;
  FakeNetwork fake_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<IndexClient> index_;
  std::unique_ptr<Neighbours> neighbours_;
};

TEST_F(NeighboursTest, AreAskedForOnceAMinute) {
  fake_.Add(1, KeyOf(1), "192.168.1.5:4000");
  EXPECT_EQ(neighbours_->AddressOf(KeyOf(1)), "192.168.1.5:4000");
  EXPECT_EQ(neighbours_->AddressOf(KeyOf(2)), "");
  EXPECT_EQ(fake_.calls(), 1);
  fake_.Clear();
  fake_.Add(2, KeyOf(2), "192.168.1.6:4000");
  clock_.Advance(Neighbours::kForgetAfter);
  EXPECT_EQ(neighbours_->AddressOf(KeyOf(2)), "192.168.1.6:4000");
  EXPECT_EQ(neighbours_->AddressOf(KeyOf(1)), "");
  EXPECT_EQ(fake_.calls(), 2);
}

TEST_F(NeighboursTest, AnIndexThatIsAwayTakesNothingBack) {
  fake_.Add(1, KeyOf(1), "192.168.1.5:4000");
  EXPECT_EQ(neighbours_->AddressOf(KeyOf(1)), "192.168.1.5:4000");
  fake_.Clear(/*away=*/true);
  clock_.Advance(Neighbours::kForgetAfter);
  EXPECT_EQ(neighbours_->AddressOf(KeyOf(1)), "192.168.1.5:4000");
}

TEST_F(NeighboursTest, AnAnswerThatNamesAPublicAddressIsNotTaken) {
  fake_.Add(1, KeyOf(1), "198.51.100.1:80");
  EXPECT_EQ(neighbours_->AddressOf(KeyOf(1)), "");
}

}  // namespace
}  // namespace arkshare
