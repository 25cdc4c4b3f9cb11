#include "lib/rpc/dialer.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

PrivateKey DialerKey(char seed) { return *PrivateKey::FromSeed(std::string(32, seed)); }

class DialedPeer : public v1::FileService::Service {
 public:
  grpc::Status Ping(grpc::ServerContext* /*context*/, const v1::PingRequest* /*request*/,
                    v1::PingResponse* /*response*/) override {
    return grpc::Status::OK;
  }
};

// A server of the key DialerKey(1), or without keys.
class DialerTest : public testing::Test {
 protected:
  void Start(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    address_ = "127.0.0.1:" + std::to_string(port);
  }

  void StartWithGate(const absl::Status& answer) {
    Start(MakeKeyServerCredentials(MakeLeafCertificate(DialerKey(1), {}),
                                   [answer](const LeafClaims&) { return answer; }));
  }

  absl::Status Ping(const PublicKey* expected) {
    const auto stub = v1::FileService::NewStub(dialer_->Dial(address_, expected));
    grpc::ClientContext context;
    SetTimeout(context, absl::Minutes(2));
    v1::PingResponse response;
    const absl::Status status =
        FromGrpcStatus(stub->Ping(&context, {}, &response), "the peer", Reason::kPeerUnreachable);
    return dialer_->WithCause(status, "the peer", address_, expected);
  }

  const PublicKey own_ = DialerKey(1).public_key();
  const PublicKey other_ = DialerKey(3).public_key();
  std::shared_ptr<Dialer> dialer_ = Dialer::WithKey(MakeLeafCertificate(DialerKey(2), {}));
  DialedPeer service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(DialerTest, ReachesTheExpectedKey) {
  StartWithGate(absl::OkStatus());
  const absl::Status status = Ping(&own_);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(DialerTest, AnotherKeyIsNamedWithTheExpectedOne) {
  StartWithGate(absl::OkStatus());
  const absl::Status status = Ping(&other_);
  EXPECT_EQ(GetReason(status), Reason::kWrongKey) << status;
  EXPECT_TRUE(status.message().find(own_.hex()) != std::string::npos) << status;
  EXPECT_TRUE(status.message().find(other_.hex()) != std::string::npos) << status;
}

TEST_F(DialerTest, ARefusalSaysToJoin) {
  StartWithGate(absl::PermissionDeniedError("not a member"));
  const absl::Status status = Ping(&own_);
  EXPECT_EQ(GetReason(status), Reason::kHandshakeRefused) << status;
  EXPECT_TRUE(status.message().find("join the group") != std::string::npos) << status;
}

TEST_F(DialerTest, NoCallIsSentWithoutAnExpectedKey) {
  StartWithGate(absl::OkStatus());
  EXPECT_FALSE(Ping(nullptr).ok());
}

TEST_F(DialerTest, PlaintextIgnoresTheExpectedKey) {
  Start(grpc::InsecureServerCredentials());
  dialer_ = Dialer::Plaintext();
  const absl::Status status = Ping(&other_);
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace arkshare
