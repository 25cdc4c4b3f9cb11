// The relay of the index and the end of a peer, without their programs.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "lib/relay/sockets.h"
#include "lib/rpc/relayed_target.h"
#include "services/index/relay/relay_server.h"
#include "services/peer/calls/call_answerer.h"

namespace arkshare {
namespace {

// A peer of which only the port is there, and a relay that calls it.
class RelayEndsTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<Listening> own = ListenAt("0.0.0.0:0");
    ASSERT_TRUE(own.ok());
    own_ = *own;
    absl::StatusOr<std::unique_ptr<RelayServer>> relay =
        RelayServer::Start({.listen = "127.0.0.1:0"});
    ASSERT_TRUE(relay.ok());
    relay_ = *std::move(relay);
    answerer_ = std::make_unique<CallAnswerer>(own_.address);
    relay_->callable().Add(
        key_, 1, [this](const PeerCall& call) { answerer_->Answer(call.id, call.caller); });
  }
  void TearDown() override { close(own_.fd); }

  // Connects to the relay, and asks it for the peer.
  int Ask() {
    const SocketAddress place = *ToSocketAddress(*ParseHostPort(relay_->address()));
    const int fd = socket(place.storage.ss_family, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&place.storage), place.length), 0);
    const std::string head = ConnectRequest(PeerAuthority(key_));
    EXPECT_EQ(send(fd, head.data(), head.size(), 0), static_cast<ssize_t>(head.size()));
    return fd;
  }
  static std::string Read(int fd, size_t count) {
    std::string bytes(count, '\0');
    const ssize_t got = recv(fd, bytes.data(), count, MSG_WAITALL);
    bytes.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }
  int AcceptOwn() {
    pollfd wanted{.fd = own_.fd, .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&wanted, 1, 60'000), 1);
    return accept(own_.fd, nullptr, nullptr);
  }

  const PublicKey key_ = PrivateKey::FromSeed(std::string(32, 1))->public_key();
  Listening own_;
  std::unique_ptr<CallAnswerer> answerer_;
  std::unique_ptr<RelayServer> relay_;
};

TEST_F(RelayEndsTest, ConnectsAReceiverToItsOwnPort) {
  answerer_->UseRelay(relay_->address());
  const int receiver = Ask();
  const int own = AcceptOwn();
  const std::string connected = ConnectAnswer(RelayAnswer::kConnected);
  EXPECT_EQ(Read(receiver, connected.size()), connected);
  EXPECT_EQ(send(receiver, "question", 8, 0), 8);
  EXPECT_EQ(Read(own, 8), "question");
  EXPECT_EQ(send(own, "answer", 6, 0), 6);
  EXPECT_EQ(Read(receiver, 6), "answer");
  EXPECT_EQ(answerer_->connections(), 1u);
  EXPECT_EQ(answerer_->bytes(), 14u);
  close(own);
  EXPECT_EQ(Read(receiver, 1), "");
  close(receiver);
}

TEST_F(RelayEndsTest, AnswersNothingWithoutARelay) {
  const int receiver = Ask();
  EXPECT_EQ(Read(receiver, 12), "HTTP/1.1 504");
  close(receiver);
}

TEST_F(RelayEndsTest, EndsWhileItAnswers) {
  answerer_->UseRelay(relay_->address());
  // Calls that no receiver waits for, so the relay keeps them waiting.
  for (char i = 0; i < 20; ++i) answerer_->Answer(std::string(kCallIdBytes, i));
  answerer_->Answer("too short");
  relay_->callable().Remove(key_, 1);
  answerer_.reset();
}

}  // namespace
}  // namespace arkshare
