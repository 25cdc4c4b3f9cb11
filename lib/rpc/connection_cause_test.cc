#include "lib/rpc/connection_cause.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <thread>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/server.h"
#include "lib/rpc/testing/silent_address.h"
#include "lib/rpc/testing/tls_files.h"

namespace arkshare {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A server that accepts connections and does with each what the test says.
class RawServer {
 public:
  explicit RawServer(std::function<void(int connection)> talk) : talk_(std::move(talk)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd_, generic, length) == 0 && listen(fd_, 8) == 0 &&
        getsockname(fd_, generic, &length) == 0) {
      address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
    }
    thread_ = std::thread([this] {
      while (true) {
        const int connection = accept(fd_, nullptr, nullptr);
        if (connection < 0) return;
        talk_(connection);
        close(connection);
      }
    });
  }
  ~RawServer() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }

  const std::string& address() const { return address_; }

 private:
  const std::function<void(int)> talk_;
  int fd_ = -1;
  std::string address_;
  std::thread thread_;
};

class ConnectionCauseTest : public testing::Test {
 protected:
  ConnectionCauseTest() {
    std::string pattern = testing::TempDir() + "/causeXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ConnectionCauseTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<RpcServer> Start(const TlsOptions& tls = {}) {
    RpcServerOptions options;
    options.listen = "127.0.0.1:0";
    options.tls = tls;
    return *RpcServer::Start(std::move(options), {&service_});
  }

  std::string folder_;
  v1::FileService::Service service_;
};

TEST_F(ConnectionCauseTest, AServerThatAnswersHasNoCause) {
  const auto server = Start();
  EXPECT_EQ(WhyNoConnection(server->address(), {}), "");
}

TEST_F(ConnectionCauseTest, APortWithoutAServer) {
  auto server = Start();
  const std::string address = server->address();
  server.reset();
  EXPECT_THAT(WhyNoConnection(address, {}), HasSubstr("nothing listens there"));
}

TEST_F(ConnectionCauseTest, AFirewallThatDropsPackets) {
  const SilentAddress silent;
  EXPECT_THAT(WhyNoConnection(silent.address(), {}, absl::Milliseconds(100)),
              HasSubstr("firewall drops the packets"));
}

TEST_F(ConnectionCauseTest, ANameThatDoesNotExist) {
  EXPECT_THAT(WhyNoConnection("no-such-host.invalid:1", {}),
              HasSubstr("its name cannot be resolved"));
}

TEST_F(ConnectionCauseTest, AServerThatIsNotArkshare) {
  const RawServer web([](int connection) {
    char bytes[64];
    (void)!read(connection, bytes, sizeof(bytes));
    const std::string answer = "HTTP/1.0 400 Bad request\r\n\r\n";
    (void)!write(connection, answer.data(), answer.size());
  });
  EXPECT_THAT(WhyNoConnection(web.address(), {}), HasSubstr("something else than arkshare"));
}

TEST_F(ConnectionCauseTest, AServerThatHangs) {
  const RawServer hanging([](int connection) {
    char bytes[64];
    while (read(connection, bytes, sizeof(bytes)) > 0) continue;
  });
  EXPECT_THAT(WhyNoConnection(hanging.address(), {}, absl::Milliseconds(100)),
              HasSubstr("does not answer"));
}

TEST_F(ConnectionCauseTest, OneSideWithoutTls) {
  const auto ca = TestCa::Make(folder_, "ca");
  if (!ca.has_value()) GTEST_SKIP() << "SKIP: needs the openssl command";
  const TlsOptions tls = ca->Issue("one").value();
  const auto with = Start(tls);
  const auto without = Start();
  EXPECT_THAT(WhyNoConnection(with->address(), {}), HasSubstr("it uses TLS"));
  EXPECT_THAT(WhyNoConnection(without->address(), tls), HasSubstr("it does not use TLS"));
  EXPECT_EQ(WhyNoConnection(with->address(), tls), "");
}

TEST_F(ConnectionCauseTest, AServerOfAGroup) {
  const auto ca = TestCa::Make(folder_, "ca");
  if (!ca.has_value()) GTEST_SKIP() << "SKIP: needs the openssl command";
  const PrivateKey key = PrivateKey::Generate();
  RpcServerOptions options{.listen = "127.0.0.1:0"};
  options.credentials = MakeKeyServerCredentials(
      MakeLeafCertificate(key, {}), [](const LeafClaims&) { return absl::OkStatus(); });
  v1::FileService::Service service;
  const auto server = *RpcServer::Start(options, {&service});
  EXPECT_THAT(WhyNoConnection(server->address(), {}),
              AllOf(HasSubstr("--join"), HasSubstr("arkshare-cli tls DIR")));
  TlsOptions stranger = ca->Issue("stranger").value();
  EXPECT_THAT(WhyNoConnection(server->address(), stranger),
              HasSubstr("its key is not in --tls-ca"));
}

TEST_F(ConnectionCauseTest, ACertificateThatHasExpiredOnEitherSide) {
  const auto ca = TestCa::Make(folder_, "ca");
  if (!ca.has_value()) GTEST_SKIP() << "SKIP: needs the openssl command";
  const TlsOptions good = ca->Issue("good").value();
  const TlsOptions expired = ca->IssueExpired("old").value();
  EXPECT_THAT(WhyNoConnection(Start(expired)->address(), good),
              AllOf(HasSubstr("its certificate"), HasSubstr("expired")));
  EXPECT_THAT(WhyNoConnection(Start(good)->address(), expired),
              AllOf(HasSubstr("--tls-cert"), HasSubstr("old.pem"), HasSubstr("expired")));
}

TEST_F(ConnectionCauseTest, ACertificateOfAnotherCaOnEitherSide) {
  const auto ca = TestCa::Make(folder_, "ca");
  const auto other = TestCa::Make(folder_, "other");
  if (!ca.has_value() || !other.has_value()) GTEST_SKIP() << "SKIP: needs the openssl command";
  const auto server = Start(ca->Issue("server").value());
  const TlsOptions stranger = other->Issue("stranger").value();
  EXPECT_THAT(WhyNoConnection(server->address(), stranger),
              HasSubstr("its certificate is not from the CA"));
  TlsOptions believing = stranger;
  believing.ca_file = ca->ca_file();
  EXPECT_THAT(WhyNoConnection(server->address(), believing),
              AllOf(HasSubstr("stranger.pem"), HasSubstr("not from the CA")));
  // The server believes in another CA than this program and its certificate.
  TlsOptions disbelieving = ca->Issue("disbelieving").value();
  disbelieving.ca_file = other->ca_file();
  EXPECT_THAT(WhyNoConnection(Start(disbelieving)->address(), ca->Issue("client").value()),
              HasSubstr("refuses this program's certificate"));
}

TEST_F(ConnectionCauseTest, OnlyErrorsOfTheConnectionGetACause) {
  const SilentAddress silent;
  const absl::Status other = MakeError(Reason::kBookNotFound, "no such book");
  EXPECT_EQ(WithCause(other, "the index", silent.address(), {}), other);
  const absl::Status caused = WithCause(MakeError(Reason::kIndexUnreachable, "no answer in time"),
                                        "the index at X", silent.address(), {});
  EXPECT_EQ(GetReason(caused), Reason::kIndexUnreachable);
  EXPECT_THAT(std::string(caused.message()), HasSubstr("cannot reach the index at X: it does not"));
}

}  // namespace
}  // namespace arkshare
