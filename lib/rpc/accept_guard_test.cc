#include "lib/rpc/accept_guard.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/server.h"

namespace arkshare {
namespace {

class AnswersPings : public v1::FileService::Service {
 public:
  grpc::Status Ping(grpc::ServerContext* /*context*/, const v1::PingRequest* /*request*/,
                    v1::PingResponse* /*response*/) override {
    return grpc::Status::OK;
  }
};

grpc::Status PingOnce(const std::string& address) {
  grpc::ClientContext context;
  SetTimeout(context, absl::Minutes(1));
  // The guard may still be refusing connections when the first one comes.
  context.set_wait_for_ready(true);
  v1::PingResponse response;
  return v1::FileService::NewStub(MakeChannel(address, grpc::InsecureChannelCredentials()))
      ->Ping(&context, v1::PingRequest(), &response);
}

// Leaves no descriptor free: fills the holes among the open ones, and lowers the limit to them.
class NoDescriptors {
 public:
  NoDescriptors() {
    constexpr int kMostHoles = 32;
    getrlimit(RLIMIT_NOFILE, &before_);
    for (int i = 0; i < kMostHoles; ++i) copies_.push_back(dup(STDERR_FILENO));
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(copies_.back() + 1);
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() {
    setrlimit(RLIMIT_NOFILE, &before_);
    for (const int copy : copies_) close(copy);
  }

 private:
  rlimit before_{};
  std::vector<int> copies_;
};

TEST(AcceptGuardTest, AServerAcceptsAgainOnceThereAreDescriptors) {
  AnswersPings service;
  RpcServerOptions options;
  options.listen = "127.0.0.1:0";
  const auto server = RpcServer::Start(options, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto address = ToSocketAddress({"127.0.0.1", (*server)->port()});
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // UBSan opens a pipe when it checks a class for the first time: those that the guard's log needs.
  Clock::Real()->Monotonic();
  LogInfo("no_descriptors_next");
  {
    const NoDescriptors none;
    ASSERT_EQ(
        connect(client, reinterpret_cast<const sockaddr*>(&address->storage), address->length), 0);
    // Refused: the end of the connection comes without a byte, or the reset.
    char byte = 0;
    EXPECT_LE(recv(client, &byte, 1, 0), 0);
  }
  close(client);
  const grpc::Status status = PingOnce((*server)->address());
  EXPECT_TRUE(status.ok()) << status.error_message();
}

// A connection of which nothing is known but that it is open, or not.
class Bare {
 public:
  explicit Bare(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const auto address = ToSocketAddress({"127.0.0.1", port});
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address->storage), address->length),
              0);
  }
  ~Bare() { close(fd_); }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;
  // Whether the server says something, as it does to each connection; it closes the others.
  bool Accepted() const {
    char byte = 0;
    return recv(fd_, &byte, 1, MSG_PEEK) == 1;
  }

 private:
  const int fd_;
};

TEST(AcceptGuardTest, ANetworkHasABoundedNumberOfConnections) {
  constexpr size_t kMost = 5;
  AnswersPings service;
  RpcServerOptions options;
  options.listen = "127.0.0.1:0";
  options.connections_of_network = kMost;
  const auto server = RpcServer::Start(options, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto other = RpcServer::Start({.listen = "127.0.0.1:0"}, {&service});
  ASSERT_TRUE(other.ok()) << other.status();
  {
    std::vector<std::unique_ptr<Bare>> connections;
    for (size_t i = 0; i < kMost; ++i) {
      connections.push_back(std::make_unique<Bare>((*server)->port()));
      EXPECT_TRUE(connections.back()->Accepted());
    }
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(Bare((*server)->port()).Accepted());
    EXPECT_TRUE(Bare((*other)->port()).Accepted()) << "the other port has no bound";
    for (const auto& connection : connections) EXPECT_TRUE(connection->Accepted());
  }
  // gRPC notices in its own time that they are closed.
  while (!Bare((*server)->port()).Accepted()) {
  }
}

}  // namespace
}  // namespace arkshare
