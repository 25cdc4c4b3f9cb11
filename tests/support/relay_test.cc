#include "tests/support/relay.h"

#include <gtest/gtest.h>

#include "lib/rpc/channel.h"
#include "lib/rpc/server.h"
#include "tests/support/programs.h"

namespace arkshare {
namespace {

class RelayTest : public testing::Test {
 protected:
  std::unique_ptr<RpcServer> Serve() {
    absl::StatusOr<std::unique_ptr<RpcServer>> server =
        RpcServer::Start({.listen = "127.0.0.1:0"}, {});
    EXPECT_TRUE(server.ok());
    (*server)->SetServing(true);
    return *std::move(server);
  }
  bool Answers(absl::Duration timeout = kPatience) {
    return WaitUntilServing(MakeChannel(relay_.address(), grpc::InsecureChannelCredentials()),
                            timeout)
        .ok();
  }

  Relay relay_;
};

TEST_F(RelayTest, PassesOnAndCounts) {
  const std::unique_ptr<RpcServer> server = Serve();
  relay_.SetTarget(server->address());
  EXPECT_EQ(relay_.bytes(), 0U);
  EXPECT_TRUE(Answers());
  EXPECT_TRUE(relay_.AwaitBytes(10));
  EXPECT_LT(relay_.bytes(), 10'000U);
}

TEST_F(RelayTest, WhoConnectsWaitsForTheTarget) {
  const std::unique_ptr<RpcServer> server = Serve();
  std::thread later([&] { relay_.SetTarget(server->address()); });
  EXPECT_TRUE(Answers());
  later.join();
}

TEST_F(RelayTest, CutsAndMends) {
  const std::unique_ptr<RpcServer> server = Serve();
  relay_.SetTarget(server->address());
  EXPECT_TRUE(Answers());
  relay_.Cut();
  const uint64_t before = relay_.bytes();
  EXPECT_FALSE(Answers(absl::Milliseconds(300)));
  EXPECT_EQ(relay_.bytes(), before);
  relay_.Mend();
  EXPECT_TRUE(Answers());
}

TEST_F(RelayTest, FollowsItsTarget) {
  std::unique_ptr<RpcServer> server = Serve();
  relay_.SetTarget(server->address());
  EXPECT_TRUE(Answers());
  server.reset();
  EXPECT_FALSE(Answers(absl::Milliseconds(300)));
  server = Serve();
  relay_.SetTarget(server->address());
  EXPECT_TRUE(Answers());
}

}  // namespace
}  // namespace arkshare
