#include "services/peer/session/index_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "lib/rpc/server.h"
#include "lib/rpc/testing/silent_address.h"
#include "services/peer/testing/grpc_runtime.h"
#include "services/peer/testing/must.h"

namespace arkshare {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kReturnPatience = absl::Minutes(1);

class RegisteringIndex : public v1::IndexService::Service {
 public:
  grpc::Status Register(grpc::ServerContext* /*context*/, const v1::RegisterRequest* /*request*/,
                        v1::RegisterResponse* response) override {
    response->set_peer_id(7);
    response->set_session_token("token");
    response->mutable_lease()->set_seconds(10);
    response->set_address("192.0.2.1:7070");
    response->set_boot_id(std::string(16, 'b'));
    return grpc::Status::OK;
  }
  grpc::Status Search(grpc::ServerContext* /*context*/, const v1::SearchRequest* request,
                      v1::SearchResponse* response) override {
    asked_at_least = request->at_least_revision();
    response->set_revision(revision);
    return grpc::Status::OK;
  }

  std::atomic<uint64_t> asked_at_least = 0;
  std::atomic<uint64_t> revision = 0;
};

class IndexClientTest : public testing::Test {
 protected:
  IndexClientTest() { KeepGrpcRunning(); }

  std::unique_ptr<RpcServer> Serve(const std::string& listen = "127.0.0.1:0") {
    RpcServerOptions options;
    options.listen = listen;
    return Must(RpcServer::Start(std::move(options), {&service_}));
  }
  // The address of a server that has ended.
  std::string FreeAddress() { return Serve()->address(); }

  RegisteringIndex service_;
};

TEST_F(IndexClientTest, ItReturnsToTheFirstIndexOnceThatAnswers) {
  const std::string first = FreeAddress();
  const auto second = Serve();
  IndexClient client({first, second->address()}, Dialer::Plaintext());
  const absl::Status away = client.Register({}).status();
  EXPECT_EQ(GetReason(away), Reason::kIndexUnreachable);
  EXPECT_FALSE(client.EarlierAnswers()) << "the first is in use";
  client.UseNextAddress(std::string(away.message()));
  EXPECT_EQ(client.address(), second->address());
  EXPECT_TRUE(client.Register({}).ok());
  EXPECT_THAT(client.WhyNotFirst(), HasSubstr("nothing listens there"));
  EXPECT_FALSE(client.EarlierAnswers());

  const auto back = Serve(first);
  const absl::Time end = Clock::Real()->Monotonic() + kReturnPatience;
  while (!client.EarlierAnswers() && Clock::Real()->Monotonic() < end) std::this_thread::yield();
  client.UseEarlierAddress();
  EXPECT_EQ(client.address(), first);
  EXPECT_EQ(client.WhyNotFirst(), "");
  EXPECT_TRUE(client.Register({}).ok());
}

TEST_F(IndexClientTest, AnswersContainWhatWasToldBefore) {
  const auto first = Serve();
  const auto second = Serve();
  IndexClient client({first->address(), second->address()}, Dialer::Plaintext());
  const auto asks = [&] {
    EXPECT_TRUE(client.Search({}).ok());
    return service_.asked_at_least.load();
  };
  EXPECT_EQ(asks(), 0u);
  client.StreamOpened(5);
  EXPECT_EQ(asks(), 5u);
  client.Heard(8);
  client.Heard(7);
  service_.revision = 9;
  EXPECT_EQ(asks(), 8u);
  service_.revision = 3;
  EXPECT_EQ(asks(), 9u);
  client.UseNextReplica();
  EXPECT_EQ(asks(), 9u) << "another replica of the same index";
  client.StreamOpened(2);
  EXPECT_EQ(asks(), 2u) << "the replicas have begun again";
  client.UseNextAddress("another index");
  EXPECT_EQ(asks(), 0u);
}

TEST_F(IndexClientTest, OtherCallsKnowWhyTheIndexCannotBeReached) {
  const std::string address = FreeAddress();
  IndexClient client({address}, Dialer::Plaintext());
  EXPECT_FALSE(client.Register({}).ok());
  EXPECT_THAT(std::string(client.Search({}).status().message()),
              HasSubstr("cannot reach the index at " + address + ": nothing listens there"));
}

TEST_F(IndexClientTest, StopEndsARegistrationThatWaits) {
  const SilentAddress silent;
  IndexClient client({silent.address()}, Dialer::Plaintext());
  absl::Status status;
  std::thread waiting([&] { status = client.Register({}).status(); });
  client.Stop();
  waiting.join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

}  // namespace
}  // namespace arkshare
