#include "services/peer/calls/call_answerer.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "lib/relay/sockets.h"
#include "lib/rpc/caller_shares.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/relayed_target.h"

namespace arkshare {
namespace {

// A peer of which only the port is there, and a relay that the test plays.
class CallAnswererTest : public testing::Test {
 protected:
  void SetUp() override {
    own_ = Listen("0.0.0.0:0");
    relay_ = Listen("127.0.0.1:0");
    answerer_ = std::make_unique<CallAnswerer>(own_.address);
  }
  void TearDown() override {
    answerer_.reset();
    close(own_.fd);
    close(relay_.fd);
  }

  static Listening Listen(const std::string& address) {
    const absl::StatusOr<Listening> listening = ListenAt(address);
    EXPECT_TRUE(listening.ok()) << listening.status();
    return listening.value_or(Listening());
  }
  static int Accept(const Listening& listening) {
    pollfd wanted{.fd = listening.fd, .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&wanted, 1, 60'000), 1);
    return accept(listening.fd, nullptr, nullptr);
  }
  static std::string Read(int fd, size_t count) {
    std::string bytes(count, '\0');
    const ssize_t got = recv(fd, bytes.data(), count, MSG_WAITALL);
    bytes.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }
  static void Send(int fd, const std::string& bytes) {
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Waits until the peer has come to the relay and named this call.
  int AwaitCall(const std::string& id) {
    const int fd = Accept(relay_);
    const std::string head = ConnectRequest(CallAuthority(id));
    EXPECT_EQ(Read(fd, head.size()), head);
    return fd;
  }

  const std::string id_ = std::string(kCallIdBytes, '\x07');
  Listening own_;
  Listening relay_;
  std::unique_ptr<CallAnswerer> answerer_;
};

TEST_F(CallAnswererTest, ConnectsTheRelayToItsOwnPort) {
  answerer_->UseRelay(relay_.address);
  answerer_->Answer(id_);
  const int relay = AwaitCall(id_);
  Send(relay, ConnectAnswer(RelayAnswer::kConnected) + "question");
  const int own = Accept(own_);
  EXPECT_EQ(Read(own, 8), "question");
  Send(own, "answer");
  EXPECT_EQ(Read(relay, 6), "answer");
  EXPECT_EQ(answerer_->connections(), 1u);
  close(own);
  EXPECT_EQ(Read(relay, 1), "");
  close(relay);
}

TEST_F(CallAnswererTest, ConnectsAReceiverToItsOwnPort) {
  answerer_->UseRelay(relay_.address);
  const Listening receiver = Listen("127.0.0.1:0");
  answerer_->Answer(id_, /*caller=*/7, receiver.address);
  const int fd = Accept(receiver);
  const std::string head = ConnectRequest(CallAuthority(id_));
  EXPECT_EQ(Read(fd, head.size()), head);
  Send(fd, ConnectAnswer(RelayAnswer::kConnected) + "question");
  SocketAddress from{{}, sizeof(from.storage)};
  pollfd wanted{.fd = own_.fd, .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&wanted, 1, 60'000), 1);
  const int own = accept(own_.fd, reinterpret_cast<sockaddr*>(&from.storage), &from.length);
  EXPECT_EQ(ToHostPort(from).host, RelayedCallerHost(7));
  EXPECT_EQ(Read(own, 8), "question");
  Send(own, "answer");
  EXPECT_EQ(Read(fd, 6), "answer");
  EXPECT_EQ(answerer_->connections(), 0u) << "the relay carries nothing";
  EXPECT_EQ(answerer_->bytes(), 0u);
  close(own);
  EXPECT_EQ(Read(fd, 1), "");
  for (const int open : {fd, receiver.fd}) close(open);
}

TEST_F(CallAnswererTest, IgnoresACallToAnAddressThatIsNotOfAReceiver) {
  answerer_->UseRelay(relay_.address);
  answerer_->Answer(id_, 0, "127.0.0.1:22");
  answerer_->Answer(id_, 0, "localhost:7000");
  answerer_->Answer(id_, 0, "192.0.2.1");
  // Calls are answered in their order, so it has connected to none of those.
  answerer_->Answer(id_);
  close(AwaitCall(id_));
}

TEST_F(CallAnswererTest, HangsUpWhenItIsRefused) {
  answerer_->UseRelay(relay_.address);
  for (const std::string& answer :
       {ConnectAnswer(RelayAnswer::kNoSuchPeer), std::string("SSH-2.0-OpenSSH\r\n\r\n")}) {
    answerer_->Answer(id_);
    const int relay = AwaitCall(id_);
    Send(relay, answer);
    EXPECT_EQ(Read(relay, 1), "");
    close(relay);
  }
  EXPECT_EQ(answerer_->connections(), 0u);
}

TEST_F(CallAnswererTest, GoesOnWithTheNextRelay) {
  const Listening closed = Listen("127.0.0.1:0");
  close(closed.fd);
  answerer_->UseRelay(closed.address);
  answerer_->Answer(id_);
  answerer_->UseRelay("no address");
  answerer_->Answer(id_);
  answerer_->UseRelay(relay_.address);
  answerer_->Answer("too short");
  answerer_->Answer(id_);
  close(AwaitCall(id_));
}

TEST_F(CallAnswererTest, EndsWhileItAnswers) {
  answerer_->UseRelay(relay_.address);
  answerer_->Answer(id_);
  const int relay = AwaitCall(id_);
  answerer_.reset();
  EXPECT_EQ(Read(relay, 1), "");
  close(relay);
}

}  // namespace
}  // namespace arkshare
