#include "lib/rpc/server.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "arkshare/v1/file.grpc.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/credentials.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/status.h"
#include "lib/rpc/testing/tls_files.h"

namespace arkshare {
namespace {

using testing::HasSubstr;

// Answers Ping; Download writes once and then runs until it is cancelled.
class PingOnly : public v1::FileService::WithCallbackMethod_Download<v1::FileService::Service> {
 public:
  grpc::Status Ping(grpc::ServerContext* /*context*/, const v1::PingRequest* request,
                    v1::PingResponse* response) override {
    response->set_nonce(request->nonce());
    return grpc::Status::OK;
  }

  grpc::ServerWriteReactor<v1::DownloadResponse>* Download(
      grpc::CallbackServerContext* /*context*/, const v1::DownloadRequest* /*request*/) override {
    class Endless : public grpc::ServerWriteReactor<v1::DownloadResponse> {
     public:
      Endless() { StartWrite(&response_); }
      void OnCancel() override { Finish(grpc::Status::CANCELLED); }
      void OnDone() override { delete this; }

     private:
      const v1::DownloadResponse response_;
    };
    return new Endless();
  }
};

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// Returns the answer of grpc.health.v1.Health/Check for a service.
absl::StatusOr<int> CheckHealth(const std::string& target, const std::string& service) {
  grpc::TemplatedGenericStub<HealthCheckRequest, HealthCheckResponse> stub(
      MakeChannel(target, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  SetTimeout(context, absl::Seconds(20));
  HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &response,
                 [&](grpc::Status status) { done.set_value(std::move(status)); });
  const absl::Status status = FromGrpcStatus(done.get_future().get(), target);
  if (!status.ok()) return status;
  return response.status();
}

constexpr int kHealthServing = HealthCheckResponse::SERVING;
constexpr int kHealthNotServing = HealthCheckResponse::NOT_SERVING;

// Asks reflection for the file that describes `symbol`, and returns the bytes of the answer.
std::string Reflect(const std::string& target, const std::string& symbol) {
  grpc::GenericStub stub(MakeChannel(target, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  SetTimeout(context, absl::Seconds(20));
  grpc::CompletionQueue queue;
  const auto await = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(&queue);
  if (!await()) return "no call";
  // ServerReflectionRequest.file_containing_symbol, field 4.
  const std::string request = absl::StrCat("\x22", std::string(1, char(symbol.size())), symbol);
  const grpc::Slice slice(request);
  call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), &queue);
  if (!await()) return "no write";
  grpc::ByteBuffer answer;
  call->Read(&answer, &queue);
  if (!await()) return "no answer";
  grpc::Slice bytes;
  if (!answer.DumpToSingleSlice(&bytes).ok()) return "no bytes";
  grpc::Status status;
  call->Finish(&status, &queue);
  await();
  return std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
}

class RpcServerTest : public testing::Test {
 protected:
  RpcServerTest() {
    std::string pattern = testing::TempDir() + "/rpcXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~RpcServerTest() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<std::unique_ptr<RpcServer>> Start(const std::string& listen, TlsOptions tls = {},
                                                   bool insecure = false) {
    RpcServerOptions options;
    options.listen = listen;
    options.tls = std::move(tls);
    options.insecure = insecure;
    return RpcServer::Start(std::move(options), {&service_});
  }

  static absl::Status Ping(const std::string& target, const TlsOptions& tls = {}) {
    const auto credentials = MakeChannelCredentials(tls);
    if (!credentials.ok()) return credentials.status();
    const auto stub = v1::FileService::NewStub(MakeChannel(target, *credentials));
    grpc::ClientContext context;
    SetTimeout(context, absl::Seconds(20));
    v1::PingRequest request;
    request.set_nonce("nonce");
    v1::PingResponse response;
    absl::Status status = FromGrpcStatus(stub->Ping(&context, request, &response), target);
    if (status.ok() && response.nonce() != "nonce") return absl::DataLossError("wrong nonce");
    return status;
  }

  static std::string Message(const absl::Status& status) { return std::string(status.message()); }

  std::string folder_;
  PingOnly service_;
};

TEST_F(RpcServerTest, ServesOnAFreePort) {
  const auto server = Start("127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_GT((*server)->port(), 0);
  EXPECT_EQ((*server)->address(), absl::StrCat("127.0.0.1:", (*server)->port()));
  EXPECT_TRUE(Ping((*server)->address()).ok());
}

TEST_F(RpcServerTest, APortIsNeverShared) {
  const auto first = Start("127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = Start((*first)->address());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Message(second.status()), HasSubstr((*first)->address()));
}

TEST_F(RpcServerTest, APortIsFreeAgainAfterTheEnd) {
  auto first = Start("127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string address = (*first)->address();
  first->reset();
  EXPECT_TRUE(Start(address).ok());
}

// A port whose connections the test accepts, and gives to the server.
class AdoptedTest : public RpcServerTest {
 protected:
  void Serve(TlsOptions tls = {}) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(place);
    auto* const address = reinterpret_cast<sockaddr*>(&place);
    ASSERT_EQ(bind(listener_, address, length), 0);
    ASSERT_EQ(listen(listener_, 16), 0);
    ASSERT_EQ(getsockname(listener_, address, &length), 0);
    RpcServerOptions options;
    options.listen = absl::StrCat("127.0.0.1:", ntohs(place.sin_port));
    options.adopts = true;
    options.tls = std::move(tls);
    auto server = RpcServer::Start(std::move(options), {&service_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    EXPECT_EQ(server_->address(), absl::StrCat("127.0.0.1:", ntohs(place.sin_port)));
    acceptor_ = std::thread([this] {
      for (int fd = 0; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
        server_->Adopt(fd);
      }
    });
  }
  void TearDown() override {
    shutdown(listener_, SHUT_RDWR);
    if (acceptor_.joinable()) acceptor_.join();
    close(listener_);
    server_.reset();
    RpcServerTest::TearDown();
  }

  int listener_ = -1;
  std::unique_ptr<RpcServer> server_;
  std::thread acceptor_;
};

TEST_F(AdoptedTest, ConnectionsAreServed) {
  Serve();
  EXPECT_TRUE(Ping(server_->address()).ok());
  EXPECT_TRUE(Ping(server_->address()).ok());
}

TEST_F(AdoptedTest, ConnectionsAreServedWithTls) {
  const auto ca = TestCa::Make(folder_, "ca");
  if (!ca.has_value()) GTEST_SKIP() << "SKIP: needs the openssl command";
  Serve(ca->Issue("server").value());
  EXPECT_TRUE(Ping(server_->address(), ca->Issue("client").value()).ok());
  EXPECT_FALSE(Ping(server_->address()).ok());
}

TEST_F(AdoptedTest, ConnectionsAfterTheShutdownAreClosed) {
  Serve();
  server_->Shutdown(absl::ZeroDuration());
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const SocketAddress place = *ToSocketAddress(*ParseHostPort(server_->address()));
  ASSERT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&place.storage), place.length), 0);
  char byte = 0;
  EXPECT_LE(recv(client, &byte, 1, 0), 0);
  close(client);
}

TEST_F(RpcServerTest, RefusesBadAddresses) {
  for (const char* listen :
       {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x", ":1",
        "::1:1", "[::1:1", "some.host.name:1", "192.0.2.1x:5", "127.0.0.1:0x1", "a b:1"}) {
    const auto server = Start(listen, {}, /*insecure=*/true);
    EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument) << listen;
    EXPECT_FALSE(server.status().message().empty());
  }
  // TEST-NET-1: no interface has it.
  const auto server = Start("192.0.2.1:0", {}, /*insecure=*/true);
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(server.status()), HasSubstr("interface"));
}

TEST_F(RpcServerTest, PlaintextOnANetworkNeedsInsecure) {
  const auto refused = Start("0.0.0.0:0");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(refused.status()), HasSubstr("--insecure"));
  const auto server = Start("0.0.0.0:0", {}, /*insecure=*/true);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(Ping(absl::StrCat("127.0.0.1:", (*server)->port())).ok());
}

TEST_F(RpcServerTest, HealthFollowsSetServing) {
  const auto server = Start("127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  for (const char* service : {"", "arkshare.v1.FileService"}) {
    (*server)->SetServing(false);
    EXPECT_EQ(*CheckHealth((*server)->address(), service), kHealthNotServing) << service;
    (*server)->SetServing(true);
    EXPECT_EQ(*CheckHealth((*server)->address(), service), kHealthServing) << service;
  }
  EXPECT_EQ(CheckHealth((*server)->address(), "no.such.Service").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(RpcServerTest, ReflectionDescribesEveryService) {
  for (const std::string& listen : {std::string("127.0.0.1:0"), "unix:" + folder_ + "/s"}) {
    const auto server = Start(listen);
    ASSERT_TRUE(server.ok()) << server.status();
    const std::string& address = (*server)->address();
    EXPECT_THAT(Reflect(address, "grpc.health.v1.Health"), HasSubstr("HealthCheckRequest"));
    EXPECT_THAT(Reflect(address, "grpc.health.v1.Health.Check"), HasSubstr("HealthCheckRequest"));
    EXPECT_THAT(Reflect(address, "arkshare.v1.FileService"), HasSubstr("PingRequest"));
  }
}

TEST_F(RpcServerTest, IsNotHealthyBeforeSetServing) {
  const auto server = Start("127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(*CheckHealth((*server)->address(), ""), kHealthNotServing);
  EXPECT_EQ(*CheckHealth((*server)->address(), "arkshare.v1.FileService"), kHealthNotServing);
}

TEST_F(RpcServerTest, ShutdownEndsAStreamThatNeverEnds) {
  const auto server = Start("127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  const auto stub = v1::FileService::NewStub(
      MakeChannel((*server)->address(), *MakeChannelCredentials(TlsOptions())));
  grpc::ClientContext context;
  const auto reader = stub->Download(&context, v1::DownloadRequest());
  v1::DownloadResponse response;
  ASSERT_TRUE(reader->Read(&response));
  (*server)->Shutdown(absl::Milliseconds(10));
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_FALSE(reader->Finish().ok());
  (*server)->Shutdown(absl::Milliseconds(10));
}

TEST_F(RpcServerTest, OnlyTheOwnerCanUseAUnixSocket) {
  const std::string path = folder_ + "/new/control.sock";
  {
    const mode_t before = umask(0);
    const auto server = Start("unix:" + path);
    EXPECT_EQ(umask(before), 0);
    ASSERT_TRUE(server.ok()) << server.status();
    EXPECT_EQ((*server)->address(), "unix:" + path);
    EXPECT_TRUE(Ping("unix:" + path).ok());
    struct stat info {};
    ASSERT_EQ(stat((folder_ + "/new").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 077, 0u);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(Start("unix:" + path).ok());
}

TEST_F(RpcServerTest, ASecondServerOnAUnixSocketIsRefused) {
  const std::string listen = "unix:" + folder_ + "/s";
  const auto first = Start(listen);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(Start(listen).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Ping(listen).ok());
}

TEST_F(RpcServerTest, TheSocketOfAKilledServerIsReplaced) {
  const std::string path = folder_ + "/s";
  // SIGKILL leaves a socket without a listener, and a lock file without a lock.
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
  std::ofstream(path + ".lock").close();
  const auto server = Start("unix:" + path);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(Ping("unix:" + path).ok());
}

TEST_F(RpcServerTest, AUnixSocketNeverReplacesAnotherFile) {
  const std::string path = folder_ + "/precious";
  std::ofstream(path) << "text";
  EXPECT_EQ(Start("unix:" + path).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::filesystem::file_size(path), 4u);
}

TEST_F(RpcServerTest, RefusesUnixPathsThatCannotWork) {
  const std::string long_path = folder_ + "/" + std::string(108 - folder_.size() - 1, 'x');
  ASSERT_EQ(long_path.size(), 108u);
  const auto too_long = Start("unix:" + long_path);
  EXPECT_EQ(too_long.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(too_long.status()), HasSubstr("107"));
  EXPECT_TRUE(Start("unix:" + long_path.substr(0, 107)).ok());
  EXPECT_EQ(Start("unix:").status().code(), absl::StatusCode::kInvalidArgument);

  const std::string open_folder = folder_ + "/open";
  ASSERT_EQ(mkdir(open_folder.c_str(), 0755), 0);
  ASSERT_EQ(chmod(open_folder.c_str(), 0755), 0);
  const auto open = Start("unix:" + open_folder + "/s");
  EXPECT_EQ(open.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(Message(open.status()), HasSubstr("chmod 700"));
}

TEST_F(RpcServerTest, TlsRequiresACertificateOfTheCa) {
  const auto ca = TestCa::Make(folder_, "ca");
  const auto other_ca = TestCa::Make(folder_, "other");
  if (!ca.has_value() || !other_ca.has_value()) GTEST_SKIP() << "SKIP: needs the openssl command";
  const TlsOptions server_tls = ca->Issue("server").value();
  const TlsOptions client_tls = ca->Issue("client").value();
  const auto server = Start("127.0.0.1:0", server_tls);
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string address = (*server)->address();

  EXPECT_TRUE(Ping(address, client_tls).ok()) << Ping(address, client_tls);
  // No certificate, no encryption.
  EXPECT_EQ(GetReason(Ping(address)), Reason::kPeerUnreachable);
  // A certificate of another CA, though the client believes the server.
  TlsOptions stranger = other_ca->Issue("stranger").value();
  stranger.ca_file = ca->ca_file();
  EXPECT_EQ(GetReason(Ping(address, stranger)), Reason::kPeerUnreachable);
  // The right certificate, but the client believes another CA.
  TlsOptions disbelieving = client_tls;
  disbelieving.ca_file = other_ca->ca_file();
  const absl::Status status = Ping(address, disbelieving);
  EXPECT_EQ(GetReason(status), Reason::kPeerUnreachable);
  EXPECT_THAT(Message(status), HasSubstr("TLS"));
}

TEST_F(RpcServerTest, TlsFilesAreCheckedBeforeServing) {
  const auto ca = TestCa::Make(folder_, "ca");
  if (!ca.has_value()) GTEST_SKIP() << "SKIP: needs the openssl command";
  const TlsOptions good = ca->Issue("one").value();
  const TlsOptions other = ca->Issue("two").value();
  const std::string junk = folder_ + "/junk";
  std::ofstream(junk) << "junk";

  const auto refused = [&](const TlsOptions& tls) {
    const absl::Status server = Start("127.0.0.1:0", tls).status();
    const absl::Status client = MakeChannelCredentials(tls).status();
    EXPECT_EQ(server.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(server, client);
    return Message(server);
  };
  EXPECT_THAT(refused({good.cert_file, "", good.ca_file}), HasSubstr("--tls-key"));
  EXPECT_THAT(refused({"/no/such", good.key_file, good.ca_file}), HasSubstr("/no/such"));
  EXPECT_THAT(refused({junk, good.key_file, good.ca_file}), HasSubstr(junk));
  EXPECT_THAT(refused({good.cert_file, junk, good.ca_file}), HasSubstr(junk));
  EXPECT_THAT(refused({good.cert_file, good.key_file, junk}), HasSubstr(junk));
  EXPECT_THAT(refused({good.cert_file, folder_, good.ca_file}), HasSubstr(folder_));
  EXPECT_THAT(refused({good.cert_file, other.key_file, good.ca_file}),
              HasSubstr("not the private key"));
}

}  // namespace
}  // namespace arkshare
