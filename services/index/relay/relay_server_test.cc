#include "services/index/relay/relay_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/relay/sockets.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/relayed_target.h"

namespace arkshare {
namespace {

using testing::StartsWith;

PublicKey PeerKey() { return PrivateKey::FromSeed(std::string(32, 1))->public_key(); }

// A client of the relay, which waits for what it wants.
class Client {
 public:
  explicit Client(const std::string& address) {
    const SocketAddress place = *ToSocketAddress(*ParseHostPort(address));
    fd_ = socket(place.storage.ss_family, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&place.storage), place.length), 0);
  }
  ~Client() { Close(); }
  Client(const Client&) = delete;

  void Send(const std::string& bytes) {
    EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Returns the next bytes, as many; fewer when the connection ends.
  std::string Read(size_t count) {
    std::string bytes(count, '\0');
    const ssize_t got = recv(fd_, bytes.data(), count, MSG_WAITALL);
    bytes.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }
  std::string ReadToEnd() {
    std::string all;
    char bytes[1024];
    for (ssize_t got = 0; (got = recv(fd_, bytes, sizeof(bytes), 0)) > 0;) {
      all.append(bytes, static_cast<size_t>(got));
    }
    return all;
  }
  // Whether the answer says that it is connected.
  bool Connected() {
    const std::string words = ConnectAnswer(RelayAnswer::kConnected);
    return Read(words.size()) == words;
  }
  void EndSending() { shutdown(fd_, SHUT_WR); }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

class RelayServerTest : public testing::Test {
 protected:
  void Start(RelayServer::Options options = {}) {
    options.listen = "127.0.0.1:0";
    absl::StatusOr<std::unique_ptr<RelayServer>> relay = RelayServer::Start(std::move(options));
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
    relay_->callable().Add(PeerKey(), 1, [this](const PeerCall& call) {
      MutexLock lock(&mutex_);
      calls_.push_back(call.id);
      called_.NotifyAll();
    });
  }
  // The id of the next call to the peer.
  std::string AwaitCall() {
    MutexLock lock(&mutex_);
    while (calls_.empty()) called_.Wait(&mutex_);
    std::string call = calls_.front();
    calls_.erase(calls_.begin());
    return call;
  }
  std::string Ask() { return ConnectRequest(PeerAuthority(PeerKey())); }

  std::unique_ptr<RelayServer> relay_;
  Mutex mutex_;
  CondVar called_;
  std::vector<std::string> calls_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(RelayServerTest, CarriesBetweenAReceiverAndThePeerThatItCalls) {
  Start();
  Client receiver(relay_->address());
  receiver.Send(Ask());
  Client peer(relay_->address());
  peer.Send(ConnectRequest(CallAuthority(AwaitCall())) + "first words");
  ASSERT_TRUE(receiver.Connected());
  ASSERT_TRUE(peer.Connected());
  EXPECT_EQ(receiver.Read(11), "first words");
  receiver.Send("question");
  EXPECT_EQ(peer.Read(8), "question");
  receiver.EndSending();
  EXPECT_EQ(peer.ReadToEnd(), "");
  peer.Send("answer");
  peer.EndSending();
  EXPECT_EQ(receiver.ReadToEnd(), "answer");
  EXPECT_EQ(relay_->calls(), 1u);
  EXPECT_EQ(relay_->bytes(), 14u);
}

TEST_F(RelayServerTest, RefusesWithAReason) {
  Start();
  const auto answer_to = [&](const std::string& head) {
    Client client(relay_->address());
    client.Send(head);
    return client.ReadToEnd();
  };
  EXPECT_THAT(answer_to("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer_to("\x16\x03\x01"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer_to("CONNECT example.org:443 HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  const PublicKey other = PrivateKey::FromSeed(std::string(32, 2))->public_key();
  EXPECT_THAT(answer_to(ConnectRequest(PeerAuthority(other))), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer_to(ConnectRequest(std::string(64, '0') + ".peer:1")),
              StartsWith("HTTP/1.1 404 "));
  EXPECT_EQ(relay_->refusals(RelayAnswer::kBadHead), 3u);
  EXPECT_EQ(relay_->refusals(RelayAnswer::kNoSuchPeer), 2u);
}

TEST_F(RelayServerTest, AReceiverIsToldWhenThePeerDoesNotCome) {
  Start();
  Client receiver(relay_->address());
  receiver.Send(Ask());
  AwaitCall();
  EXPECT_THAT(receiver.ReadToEnd(), StartsWith("HTTP/1.1 504 "));
  EXPECT_EQ(relay_->refusals(RelayAnswer::kDidNotCome), 1u);
}

TEST_F(RelayServerTest, DialsARegistrationThatItExpects) {
  Start();
  const std::string registration_id(kCallIdBytes, 'r');
  Client peer(relay_->address());
  peer.Send(ConnectRequest(CallAuthority(registration_id)));
  const std::string ticket = relay_->Expect(registration_id);
  Client index(relay_->own_address());
  index.Send(ConnectRequest(CallAuthority(ticket)));
  ASSERT_TRUE(index.Connected());
  ASSERT_TRUE(peer.Connected());
  index.Send("ping");
  EXPECT_EQ(peer.Read(4), "ping");
  relay_->Unexpect(registration_id);
}

TEST_F(RelayServerTest, WithTlsOnlyTlsIsCarried) {
  Start({.tls = true});
  {
    Client receiver(relay_->address());
    receiver.Send(Ask() + "PRI * HTTP/2.0");
    Client peer(relay_->address());
    peer.Send(ConnectRequest(CallAuthority(AwaitCall())));
    EXPECT_THAT(receiver.ReadToEnd(), StartsWith("HTTP/1.1 403 "));
  }
  {
    Client receiver(relay_->address());
    receiver.Send(Ask());
    Client peer(relay_->address());
    peer.Send(ConnectRequest(CallAuthority(AwaitCall())));
    ASSERT_TRUE(receiver.Connected());
    receiver.Send("PRI * HTTP/2.0");
    EXPECT_EQ(receiver.ReadToEnd(), "");
  }
  EXPECT_EQ(relay_->refusals(RelayAnswer::kNotTls), 2u);
  Client receiver(relay_->address());
  receiver.Send(Ask());
  Client peer(relay_->address());
  peer.Send(ConnectRequest(CallAuthority(AwaitCall())));
  ASSERT_TRUE(receiver.Connected());
  receiver.Send("\x16\x03\x01");
  ASSERT_TRUE(peer.Connected());
  EXPECT_EQ(peer.Read(3), "\x16\x03\x01");
}

TEST_F(RelayServerTest, AReceiverThatHasGoneIsForgotten) {
  Start();
  std::string call;
  {
    Client receiver(relay_->address());
    receiver.Send(Ask());
    call = AwaitCall();
  }
  Client peer(relay_->address());
  peer.Send(ConnectRequest(CallAuthority(call)));
  EXPECT_THAT(peer.ReadToEnd(), StartsWith("HTTP/1.1 404 "));
}

// A second replica, which has no stream of the peer.
class TwoRelaysTest : public RelayServerTest {
 protected:
  void SetUp() override {
    Start({.secret = "the secret"});
    absl::StatusOr<std::unique_ptr<RelayServer>> other =
        RelayServer::Start({.listen = "127.0.0.1:0"});
    ASSERT_TRUE(other.ok()) << other.status();
    other_ = *std::move(other);
    UseSecret("the secret");
  }
  void TearDown() override { other_.reset(); }
  void UseSecret(const std::string& secret) {
    other_->SetOtherReplicas([this, secret](const PublicKey& key) {
      return key == PeerKey() ? std::optional(OtherRelay{relay_->address(), secret}) : std::nullopt;
    });
  }

  std::unique_ptr<RelayServer> other_;
};

TEST_F(TwoRelaysTest, AReceiverReachesThePeerOfAnotherReplica) {
  Client receiver(other_->address());
  receiver.Send(Ask() + "question");
  Client peer(relay_->address());
  peer.Send(ConnectRequest(CallAuthority(AwaitCall())) + "first words");
  ASSERT_TRUE(receiver.Connected());
  ASSERT_TRUE(peer.Connected());
  EXPECT_EQ(receiver.Read(11), "first words");
  EXPECT_EQ(peer.Read(8), "question");
  peer.Send("answer");
  peer.EndSending();
  EXPECT_EQ(receiver.ReadToEnd(), "answer");
  receiver.EndSending();
  EXPECT_EQ(peer.ReadToEnd(), "");
  EXPECT_EQ(relay_->calls(), 1u);
  EXPECT_EQ(other_->calls(), 0u);
}

TEST_F(TwoRelaysTest, RefusalsOfTheOtherReplicaArePassedOn) {
  relay_->callable().Remove(PeerKey(), 1);
  Client receiver(other_->address());
  receiver.Send(Ask());
  EXPECT_THAT(receiver.ReadToEnd(), StartsWith("HTTP/1.1 404 "));
  // Another secret than that of the log is not one of a replica.
  UseSecret("another secret");
  Client again(other_->address());
  again.Send(Ask());
  EXPECT_THAT(again.ReadToEnd(), StartsWith("HTTP/1.1 400 "));
}

TEST_F(TwoRelaysTest, AConnectionGoesOnOnlyOnce) {
  relay_->callable().Remove(PeerKey(), 1);
  // Each takes the other one for the replica that has the peer.
  relay_->SetOtherReplicas([this](const PublicKey&) {
    return std::optional(OtherRelay{other_->address(), "the secret"});
  });
  Client receiver(other_->address());
  receiver.Send(Ask());
  EXPECT_THAT(receiver.ReadToEnd(), StartsWith("HTTP/1.1 404 "));
}

TEST_F(TwoRelaysTest, AReplicaThatIsAwayIsSaidSo) {
  relay_.reset();
  const absl::StatusOr<Listening> gone = ListenAt("127.0.0.1:0");
  ASSERT_TRUE(gone.ok());
  close(gone->fd);
  other_->SetOtherReplicas([address = gone->address](const PublicKey&) {
    return std::optional(OtherRelay{address, ""});
  });
  Client receiver(other_->address());
  receiver.Send(Ask());
  EXPECT_THAT(receiver.ReadToEnd(), StartsWith("HTTP/1.1 504 "));
}

TEST_F(TwoRelaysTest, EndsWhileItAsksTheOtherReplica) {
  Client receiver(other_->address());
  receiver.Send(Ask());
  AwaitCall();
  other_.reset();
  EXPECT_EQ(receiver.ReadToEnd(), "");
}

TEST_F(RelayServerTest, EndsWithConnectionsInEveryState) {
  Start();
  Client silent(relay_->address());
  Client asking(relay_->address());
  asking.Send(Ask());
  Client receiver(relay_->address());
  receiver.Send(Ask());
  AwaitCall();
  Client peer(relay_->address());
  peer.Send(ConnectRequest(CallAuthority(AwaitCall())));
  relay_.reset();
  EXPECT_EQ(silent.ReadToEnd(), "");
}

}  // namespace
}  // namespace arkshare
