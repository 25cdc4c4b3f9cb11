#include "lib/rpc/key_handshake.h"

#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/errors.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/testing/silent_address.h"
#include "lib/rpc/testing/tls_files.h"

namespace arkshare {
namespace {

using testing::HasSubstr;

PrivateKey HandshakeKey(char seed) { return *PrivateKey::FromSeed(std::string(32, seed)); }

// A server of gRPC that answers no calls.
class HandshakeServer {
 public:
  explicit HandshakeServer(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  v1::FileService::Service service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

absl::StatusOr<PublicKey> ReadAt(const std::string& target,
                                 absl::Duration timeout = absl::Minutes(1)) {
  return ReadKeyAt(target, MakeLeafCertificate(HandshakeKey(2), {}), timeout);
}

std::shared_ptr<grpc::ServerCredentials> KeyServer(KeyGate gate) {
  return MakeKeyServerCredentials(MakeLeafCertificate(HandshakeKey(1), {}), std::move(gate));
}

TEST(KeyHandshakeTest, ReadsTheKeyOfAServer) {
  std::atomic<int> asked = 0;
  const HandshakeServer server(KeyServer([&](const LeafClaims&) {
    ++asked;
    return absl::OkStatus();
  }));
  const absl::StatusOr<PublicKey> key = ReadAt(server.address());
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(*key, HandshakeKey(1).public_key());
}

TEST(KeyHandshakeTest, AServerThatRefusesTheCallerHasShownItsKey) {
  const HandshakeServer server(
      KeyServer([](const LeafClaims&) { return absl::PermissionDeniedError("a stranger"); }));
  const absl::StatusOr<PublicKey> key = ReadAt(server.address());
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(*key, HandshakeKey(1).public_key());
}

TEST(KeyHandshakeTest, OneContextServesManyHandshakesAtATime) {
  const HandshakeServer server(KeyServer([](const LeafClaims&) { return absl::OkStatus(); }));
  const KeyHandshakeContext context(MakeLeafCertificate(HandshakeKey(2), {}));
  const SocketAddress address = *ToSocketAddress(*ParseHostPort(server.address()));
  std::vector<std::unique_ptr<KeyHandshake>> handshakes;
  for (int i = 0; i < 20; ++i) {
    handshakes.push_back(std::make_unique<KeyHandshake>(context, address));
  }
  for (const auto& handshake : handshakes) {
    while (!handshake->result().has_value()) {
      pollfd wanted{.fd = handshake->fd(), .events = handshake->events(), .revents = 0};
      ASSERT_EQ(poll(&wanted, 1, /*timeout=*/60'000), 1);
      handshake->Advance();
    }
    ASSERT_TRUE(handshake->result()->ok()) << handshake->result()->status();
    EXPECT_EQ(**handshake->result(), HandshakeKey(1).public_key());
  }
}

TEST(KeyHandshakeTest, SaysWhenNothingListens) {
  int port = 0;
  {
    const SilentAddress taken;
    port = taken.port();
  }
  const absl::Status status = ReadAt("127.0.0.1:" + std::to_string(port)).status();
  EXPECT_EQ(GetReason(status), Reason::kIndexUnreachable) << status;
  EXPECT_THAT(status.message(), HasSubstr("nothing listens there")) << status;
}

TEST(KeyHandshakeTest, SaysWhenPacketsAreDropped) {
  const SilentAddress silent;
  const absl::Status status = ReadAt(silent.address(), absl::Milliseconds(50)).status();
  EXPECT_EQ(GetReason(status), Reason::kIndexUnreachable) << status;
  EXPECT_THAT(status.message(), HasSubstr("does not answer; the machine is off")) << status;
}

TEST(KeyHandshakeTest, SaysWhenTheServerUsesNoTls) {
  const HandshakeServer server(grpc::InsecureServerCredentials());
  const absl::Status status = ReadAt(server.address()).status();
  EXPECT_EQ(GetReason(status), Reason::kIndexUnreachable) << status;
  EXPECT_THAT(status.message(), HasSubstr("does not use TLS")) << status;
}

TEST(KeyHandshakeTest, SaysWhenTheServerHangs) {
  const SilentAddress hanging(SilentAddress::Queue::kFree);
  const absl::Status status = ReadAt(hanging.address(), absl::Milliseconds(50)).status();
  EXPECT_EQ(GetReason(status), Reason::kIndexUnreachable) << status;
  EXPECT_THAT(status.message(), HasSubstr("accepts the connection and does not answer")) << status;
}

TEST(KeyHandshakeTest, RefusesCertificatesOfOtherPrograms) {
  const std::optional<TestCa> ca = TestCa::Make(testing::TempDir(), "handshake");
  if (!ca.has_value()) GTEST_SKIP() << "the openssl command is missing";
  const std::optional<TlsOptions> tls = ca->Issue("handshake-server");
  ASSERT_TRUE(tls.has_value());
  const auto read = [](const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  };
  grpc::SslServerCredentialsOptions options(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back({read(tls->key_file), read(tls->cert_file)});
  const HandshakeServer server(grpc::SslServerCredentials(options));
  const absl::Status status = ReadAt(server.address()).status();
  EXPECT_EQ(GetReason(status), Reason::kWrongKey) << status;
  EXPECT_THAT(status.message(), HasSubstr("is not an index with keys")) << status;
}

TEST(KeyHandshakeTest, RefusesATargetThatIsNoAddress) {
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAt("nowhere").status()));
}

}  // namespace
}  // namespace arkshare
