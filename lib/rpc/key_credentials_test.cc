#include "lib/rpc/key_credentials.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/invitation.h"
#include "lib/core/mutex.h"
#include "lib/rpc/channel.h"

namespace arkshare {
namespace {

PrivateKey KeyOf(char seed) { return *PrivateKey::FromSeed(std::string(32, seed)); }

// Answers Ping, and keeps the key of the last caller.
class Recorder : public v1::FileService::Service {
 public:
  grpc::Status Ping(grpc::ServerContext* context, const v1::PingRequest* /*request*/,
                    v1::PingResponse* /*response*/) override {
    MutexLock lock(&mutex_);
    ++calls_;
    caller_ = CallerKey(*context);
    return grpc::Status::OK;
  }
  int calls() {
    MutexLock lock(&mutex_);
    return calls_;
  }
  std::optional<PublicKey> caller() {
    MutexLock lock(&mutex_);
    return caller_;
  }

 private:
  Mutex mutex_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<PublicKey> caller_ ABSL_GUARDED_BY(mutex_);
};

// A server of the key KeyOf(1).
class KeyCredentialsTest : public testing::Test {
 protected:
  void Start(KeyGate gate = [](const LeafClaims&) { return absl::OkStatus(); }) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(
        "127.0.0.1:0", MakeKeyServerCredentials(MakeLeafCertificate(KeyOf(1), {}), std::move(gate)),
        &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  // Calls Ping with the key KeyOf(2), and expects `expected` there.
  grpc::Status Ping(const PublicKey& expected, WrongKeyHandler on_wrong_key = nullptr,
                    LeafOptions options = {}) {
    grpc::ChannelArguments args;
    args.SetSslTargetNameOverride(kKeyTargetName);
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = v1::FileService::NewStub(
        grpc::CreateCustomChannel(Address(),
                                  MakeKeyChannelCredentials(MakeLeafCertificate(KeyOf(2), options),
                                                            expected, std::move(on_wrong_key)),
                                  args));
    grpc::ClientContext context;
    SetTimeout(context, absl::Minutes(2));
    v1::PingResponse response;
    return stub->Ping(&context, {}, &response);
  }

  std::string Address() const { return "127.0.0.1:" + std::to_string(port_); }

  Recorder service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(KeyCredentialsTest, BothSidesKnowTheOther) {
  Start();
  const grpc::Status status = Ping(KeyOf(1).public_key());
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(service_.caller(), KeyOf(2).public_key());
}

TEST_F(KeyCredentialsTest, NoCallIsSentToAnotherKey) {
  Start();
  Mutex mutex;
  std::string why;
  const grpc::Status status = Ping(KeyOf(3).public_key(), [&](absl::string_view said) {
    MutexLock lock(&mutex);
    why = std::string(said);
  });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(service_.calls(), 0);
  MutexLock lock(&mutex);
  EXPECT_NE(why.find(KeyOf(1).public_key().hex()), std::string::npos) << why;
  EXPECT_NE(why.find(KeyOf(3).public_key().hex()), std::string::npos) << why;
}

TEST_F(KeyCredentialsTest, TheGateKeepsStrangersOut) {
  std::atomic<int> asked = 0;
  Start([&](const LeafClaims& caller) -> absl::Status {
    ++asked;
    EXPECT_EQ(caller.key, KeyOf(2).public_key());
    return absl::PermissionDeniedError("not a member");
  });
  EXPECT_EQ(Ping(KeyOf(1).public_key()).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_GE(asked, 1);
  EXPECT_EQ(service_.calls(), 0);
}

TEST_F(KeyCredentialsTest, TheGateSeesTheProofOfAnInvitation) {
  const std::string secret(kInvitationSecretBytes, '\x07');
  const JoinProof join = JoinProofOf(secret, KeyOf(1).public_key(), KeyOf(2).public_key());
  Start([&](const LeafClaims& caller) -> absl::Status {
    if (caller.join.has_value() &&
        IsJoinProofOf(*caller.join, secret, KeyOf(1).public_key(), caller.key)) {
      return absl::OkStatus();
    }
    return absl::PermissionDeniedError("not invited");
  });
  EXPECT_FALSE(Ping(KeyOf(1).public_key()).ok());
  const grpc::Status status = Ping(KeyOf(1).public_key(), nullptr, {{}, join});
  EXPECT_TRUE(status.ok()) << status.error_message();
}

// Another TLS program, which shows `certificates` with the private key of the first one.
struct TlsClient {
  std::vector<std::string> certificates;
  std::string private_key;
  // The number of CAs that the server has named when it asked for a certificate.
  mutable int named_cas = 0;

  // True when the server sends the first frame of HTTP/2.
  bool ReachesHttp2(const std::string& address) const {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    static constexpr unsigned char kAlpn[] = "\x02h2";
    SSL_CTX_set_alpn_protos(context.get(), kAlpn, sizeof(kAlpn) - 1);
    for (size_t i = 0; i < certificates.size(); ++i) {
      const std::unique_ptr<BIO, decltype(&BIO_free_all)> pem(
          BIO_new_mem_buf(certificates[i].data(), -1), BIO_free_all);
      X509* const certificate = PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr);
      if (i == 0) SSL_CTX_use_certificate(context.get(), certificate);
      if (i > 0) SSL_CTX_add1_chain_cert(context.get(), certificate);
      X509_free(certificate);
    }
    if (!private_key.empty()) {
      const std::unique_ptr<BIO, decltype(&BIO_free_all)> pem(
          BIO_new_mem_buf(private_key.data(), -1), BIO_free_all);
      EVP_PKEY* const key = PEM_read_bio_PrivateKey(pem.get(), nullptr, nullptr, nullptr);
      SSL_CTX_use_PrivateKey(context.get(), key);
      EVP_PKEY_free(key);
    }
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new_ssl_connect(context.get()),
                                                            BIO_free_all);
    BIO_set_conn_hostname(bio.get(), address.c_str());
    char byte = 0;
    const bool reached = BIO_do_handshake(bio.get()) == 1 && BIO_read(bio.get(), &byte, 1) == 1;
    ERR_clear_error();
    SSL* ssl = nullptr;
    BIO_get_ssl(bio.get(), &ssl);
    named_cas = sk_X509_NAME_num(SSL_get0_peer_CA_list(ssl));
    return reached;
  }
};

TEST_F(KeyCredentialsTest, OtherTlsProgramsNeedOneGoodCertificate) {
  Start();
  const LeafCertificate member = MakeLeafCertificate(KeyOf(2), {});
  const LeafCertificate other = MakeLeafCertificate(KeyOf(3), {});
  EXPECT_TRUE((TlsClient{{member.certificate}, member.private_key}).ReachesHttp2(Address()));
  EXPECT_FALSE((TlsClient{{}, ""}).ReachesHttp2(Address())) << "no certificate";
  EXPECT_FALSE((TlsClient{{member.certificate, other.certificate}, member.private_key})
                   .ReachesHttp2(Address()))
      << "two certificates";
}

// Go and Java show their certificate only to a server that names its issuer, or no CA at all.
TEST_F(KeyCredentialsTest, TheServerNamesNoCa) {
  Start();
  const LeafCertificate member = MakeLeafCertificate(KeyOf(2), {});
  const TlsClient client{{member.certificate}, member.private_key};
  ASSERT_TRUE(client.ReachesHttp2(Address()));
  EXPECT_LE(client.named_cas, 0);  // -1: no list
}

}  // namespace
}  // namespace arkshare
