#include "services/index/etcd/etcd_client.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "services/index/etcd/testing/fake_etcd.h"

namespace arkshare {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(20);

std::unique_ptr<EtcdClient> MakeClient(const FakeEtcd& etcd, TlsOptions tls = {}) {
  EtcdOptions options;
  options.endpoints = etcd.endpoints();
  options.tls = std::move(tls);
  absl::StatusOr<std::unique_ptr<EtcdClient>> client = EtcdClient::Make(options, [] {});
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

EtcdAnswer<etcdserverpb::RangeResponse> ReadKey(EtcdClient& client,
                                                absl::Duration timeout = kCallTimeout) {
  etcdserverpb::RangeRequest request;
  request.set_key("key");
  return client.Range(request, timeout);
}

TEST(EtcdClientTest, AFailedEndpointIsLeftAndFoundAgain) {
  FakeEtcd etcd(2);
  etcd.Put("key", "value");
  const auto client = MakeClient(etcd);
  const size_t first = client->endpoint();
  etcd.SetRefusing(static_cast<int>(first), true);
  const auto refused = ReadKey(*client);
  EXPECT_EQ(refused.fault, EtcdFault::kUnknownOutcome);
  EXPECT_EQ(refused.endpoint, first);
  EXPECT_NE(client->endpoint(), first);
  const auto answered = ReadKey(*client);
  ASSERT_TRUE(answered.ok()) << answered.message;
  EXPECT_EQ(answered.response.kvs(0).value(), "value");
  etcd.SetRefusing(static_cast<int>(first), false);
  etcd.SetRefusing(static_cast<int>(1 - first), true);
  EXPECT_FALSE(ReadKey(*client).ok());
  EXPECT_TRUE(ReadKey(*client).ok());
}

TEST(EtcdClientTest, AHangingCallEndsAtItsTimeoutOrAtShutdown) {
  FakeEtcd etcd(1);
  etcd.PauseAll();
  const auto client = MakeClient(etcd);
  EXPECT_EQ(ReadKey(*client, absl::Milliseconds(50)).fault, EtcdFault::kUnknownOutcome);
  std::thread stopper([&client] { client->Shutdown(); });
  EXPECT_EQ(ReadKey(*client, absl::Hours(1)).fault, EtcdFault::kUnknownOutcome);
  stopper.join();
  EXPECT_EQ(ReadKey(*client, absl::Hours(1)).fault, EtcdFault::kUnknownOutcome);
}

TEST(EtcdClientTest, AKeepaliveTellsWhetherTheLeaseIsThere) {
  FakeEtcd etcd(1);
  const auto client = MakeClient(etcd);
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(60);
  const auto granted = client->LeaseGrant(request, kCallTimeout);
  ASSERT_TRUE(granted.ok()) << granted.message;
  EXPECT_EQ(client->LeaseKeepAlive(granted.response.id(), kCallTimeout).response.ttl(), 60);
  const auto other = client->LeaseKeepAlive(granted.response.id() + 1, kCallTimeout);
  ASSERT_TRUE(other.ok()) << other.message;
  EXPECT_EQ(other.response.ttl(), 0);
}

// Certificates of a CA of its own, made by the openssl command.
class EtcdTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/etcd-tls-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    const bool made =
        Run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca "
            "-keyout ca.key -out ca.pem") &&
        Issue("here", "IP:127.0.0.1") && Issue("elsewhere", "DNS:etcd.example");
    if (!made) GTEST_SKIP() << "openssl is not installed";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  bool Run(const std::string& arguments) const {
    return std::system(absl::StrCat("cd ", folder_, " && openssl ", arguments, " >/dev/null 2>&1")
                           .c_str()) == 0;
  }
  bool Issue(const std::string& name, const std::string& names) const {
    std::ofstream(File(name + ".ext")) << "subjectAltName=" << names << "\n";
    return Run(absl::StrCat("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=",
                            name, " -keyout ", name, ".key -out ", name, ".csr")) &&
           Run(absl::StrCat("x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -in ", name,
                            ".csr -extfile ", name, ".ext -out ", name, ".pem"));
  }
  std::string File(const std::string& name) const { return absl::StrCat(folder_, "/", name); }
  std::string Read(const std::string& name) const {
    std::ifstream in(File(name));
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  // A server with the certificate of `name`, which wants one of its clients.
  std::shared_ptr<grpc::ServerCredentials> ServerOf(const std::string& name) const {
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = Read("ca.pem");
    options.pem_key_cert_pairs.push_back({Read(name + ".key"), Read(name + ".pem")});
    return grpc::SslServerCredentials(options);
  }
  TlsOptions Client() const { return {File("here.pem"), File("here.key"), File("ca.pem")}; }

  std::string folder_;
};

TEST_F(EtcdTlsTest, BothSidesProveThemselves) {
  FakeEtcd etcd(1, ServerOf("here"));
  const auto answer = ReadKey(*MakeClient(etcd, Client()));
  EXPECT_TRUE(answer.ok()) << answer.message;
}

TEST_F(EtcdTlsTest, AClientWithoutACertificateIsRefused) {
  FakeEtcd etcd(1, ServerOf("here"));
  EXPECT_FALSE(ReadKey(*MakeClient(etcd, {"", "", File("ca.pem")})).ok());
}

TEST_F(EtcdTlsTest, AServerOfAnotherNameIsRefused) {
  FakeEtcd etcd(1, ServerOf("elsewhere"));
  EXPECT_FALSE(ReadKey(*MakeClient(etcd, Client())).ok());
}

TEST_F(EtcdTlsTest, AServerOfAnotherCaIsRefused) {
  FakeEtcd etcd(1, ServerOf("here"));
  ASSERT_TRUE(
      Run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca "
          "-keyout other.key -out other.pem"));
  EXPECT_FALSE(
      ReadKey(*MakeClient(etcd, {File("here.pem"), File("here.key"), File("other.pem")})).ok());
}

}  // namespace
}  // namespace arkshare
