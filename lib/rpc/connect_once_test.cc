#include "lib/rpc/connect_once.h"

#include <gtest/gtest.h>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/server.h"
#include "lib/rpc/testing/silent_address.h"

namespace arkshare {
namespace {

class Answering : public v1::FileService::Service {
 public:
  grpc::Status Ping(grpc::ServerContext* /*context*/, const v1::PingRequest* request,
                    v1::PingResponse* response) override {
    response->set_nonce(request->nonce());
    return grpc::Status::OK;
  }
};

grpc::Status Ping(const std::shared_ptr<grpc::Channel>& channel, v1::PingResponse& response) {
  grpc::ClientContext context;
  SetTimeout(context, absl::Minutes(1));
  v1::PingRequest request;
  request.set_nonce("nonce");
  return v1::FileService::NewStub(channel)->Ping(&context, request, &response);
}

TEST(ConnectOnceTest, CallsFailOnceTheServerHasGone) {
  Answering service;
  RpcServerOptions options;
  options.listen = "127.0.0.1:0";
  auto server = RpcServer::Start(options, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string address = (*server)->address();
  v1::PingResponse response;
  const auto channel = ConnectOnce(address, absl::Minutes(1));
  ASSERT_NE(channel, nullptr);
  EXPECT_TRUE(Ping(channel, response).ok());
  EXPECT_EQ(response.nonce(), "nonce");
  EXPECT_TRUE(Ping(channel, response).ok());
  server->reset();
  EXPECT_EQ(Ping(channel, response).error_code(), grpc::StatusCode::UNAVAILABLE);
  // No server listens there any more; the call finds out.
  const auto refused = ConnectOnce(address, absl::Minutes(1));
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(Ping(refused, response).error_code(), grpc::StatusCode::UNAVAILABLE);
}

// Without a timeout of its own, the call would last until the kernel gives up, for two minutes.
TEST(ConnectOnceTest, AnAddressThatDropsPacketsFailsTheCallBeforeItsDeadline) {
  const SilentAddress silent;
  const auto channel = ConnectOnce(silent.address(), absl::Milliseconds(100));
  ASSERT_NE(channel, nullptr);
  v1::PingResponse response;
  EXPECT_EQ(Ping(channel, response).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(ConnectOnceTest, RefusesHostNames) {
  EXPECT_EQ(ConnectOnce("peer.example:7001", absl::Minutes(1)), nullptr);
  EXPECT_EQ(ConnectOnce("no address", absl::Minutes(1)), nullptr);
}

}  // namespace
}  // namespace arkshare
