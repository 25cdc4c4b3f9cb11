// Clients of the relay that mean harm, beside honest ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/relay/sockets.h"
#include "lib/rpc/caller_shares.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/relayed_target.h"
#include "services/index/relay/relay_server.h"

namespace arkshare {
namespace {

using testing::StartsWith;

constexpr uint32_t kHonest = 1;
constexpr uint32_t kHostile = 2;

PublicKey CalledKey() { return PrivateKey::FromSeed(std::string(32, 1))->public_key(); }

// A connection from a network; see RelayedCallerHost.
class Caller {
 public:
  Caller(const std::string& relay, uint32_t network) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const SocketAddress from = *ToSocketAddress({RelayedCallerHost(network), 0});
    const SocketAddress to = *ToSocketAddress(*ParseHostPort(relay));
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&from.storage), from.length), 0);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&to.storage), to.length), 0);
  }
  ~Caller() { close(fd_); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  // Returns false when the relay has closed the connection.
  bool Send(const std::string& bytes) {
    return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  void EndSending() { shutdown(fd_, SHUT_WR); }
  std::string Read(size_t count) {
    std::string bytes(count, '\0');
    const ssize_t got = recv(fd_, bytes.data(), count, MSG_WAITALL);
    bytes.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }
  bool Connected() {
    const std::string words = ConnectAnswer(RelayAnswer::kConnected);
    return Read(words.size()) == words;
  }
  // Returns how many bytes can be sent before nothing more is taken.
  size_t FillUp() {
    const std::string chunk(size_t{64} * 1024, 'x');
    size_t sent = 0;
    timeval patience{.tv_sec = 0, .tv_usec = 200'000};
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    for (ssize_t got = 0; (got = send(fd_, chunk.data(), chunk.size(), MSG_NOSIGNAL)) > 0;) {
      sent += static_cast<size_t>(got);
    }
    return sent;
  }
  // The relay's words are lost when it closes while unread bytes are there, so a refusal may also
  // be a reset.
  std::string ReadToEnd() {
    std::string all;
    char bytes[1024];
    for (ssize_t got = 0; (got = recv(fd_, bytes, sizeof(bytes), 0)) > 0;) {
      all.append(bytes, static_cast<size_t>(got));
    }
    return all;
  }

 private:
  const int fd_;
};

class RelayHostileTest : public testing::Test {
 protected:
  void SetUp() override { Start({}); }
  void Start(RelayServer::Options options) {
    relay_.reset();
    options.listen = "127.0.0.1:0";
    absl::StatusOr<std::unique_ptr<RelayServer>> relay = RelayServer::Start(std::move(options));
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
    relay_->callable().Add(CalledKey(), 1, [this](const PeerCall& call) {
      MutexLock lock(&mutex_);
      calls_.push_back(call);
      called_.NotifyAll();
    });
  }
  PeerCall AwaitCall() {
    MutexLock lock(&mutex_);
    while (calls_.empty()) called_.Wait(&mutex_);
    PeerCall call = std::move(calls_.front());
    calls_.erase(calls_.begin());
    return call;
  }
  std::unique_ptr<Caller> Connect(uint32_t network) {
    return std::make_unique<Caller>(relay_->address(), network);
  }
  struct Tunnel {
    std::unique_ptr<Caller> receiver;
    std::unique_ptr<Caller> peer;
    uint32_t caller = 0;
  };
  // An honest receiver is connected to the peer.
  Tunnel ConnectBoth(uint32_t network = kHonest) {
    Tunnel tunnel;
    tunnel.receiver = Connect(network);
    EXPECT_TRUE(tunnel.receiver->Send(ConnectRequest(PeerAuthority(CalledKey()))));
    const PeerCall call = AwaitCall();
    tunnel.caller = call.caller;
    tunnel.peer = Connect(kPeerNetwork);
    EXPECT_TRUE(tunnel.peer->Send(ConnectRequest(CallAuthority(call.id))));
    EXPECT_TRUE(tunnel.receiver->Connected());
    EXPECT_TRUE(tunnel.peer->Connected());
    return tunnel;
  }
  static void ExpectCarries(Tunnel& tunnel) {
    EXPECT_TRUE(tunnel.receiver->Send("question"));
    EXPECT_EQ(tunnel.peer->Read(8), "question");
    EXPECT_TRUE(tunnel.peer->Send("answer"));
    EXPECT_EQ(tunnel.receiver->Read(6), "answer");
  }

  static constexpr uint32_t kPeerNetwork = 3;
  std::unique_ptr<RelayServer> relay_;
  Mutex mutex_;
  CondVar called_;
  std::vector<PeerCall> calls_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(RelayHostileTest, SilentConnectionsOfOneNetworkKeepNoOtherNetworkOut) {
  std::vector<std::unique_ptr<Caller>> silent;
  for (size_t i = 0; i < Pairing::kMostWaitingOfSource; ++i) silent.push_back(Connect(kHostile));
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(Connect(kHostile)->ReadToEnd(), StartsWith("HTTP/1.1 429 "));
  }
  Tunnel honest = ConnectBoth();
  ExpectCarries(honest);
  EXPECT_EQ(relay_->refusals(RelayAnswer::kTooMany), 100u);
  // They are refused when their time is over, and then the network may connect again.
  for (const std::unique_ptr<Caller>& caller : silent) {
    EXPECT_THAT(caller->ReadToEnd(), StartsWith("HTTP/1.1 400 "));
  }
  Tunnel late = ConnectBoth(kHostile);
  ExpectCarries(late);
}

TEST_F(RelayHostileTest, OneNetworkHasItsShareOfTunnels) {
  std::vector<Tunnel> tunnels;
  for (size_t i = 0; i < Pairing::kMostOfSource; ++i) tunnels.push_back(ConnectBoth(kHostile));
  EXPECT_THAT(Connect(kHostile)->ReadToEnd(), StartsWith("HTTP/1.1 429 "));
  EXPECT_EQ(relay_->connections(), Pairing::kMostOfSource);
}

TEST_F(RelayHostileTest, HeadsOfAnyBytesEndInRefusals) {
  std::mt19937_64 random(18);
  // Not the peer that is called: its calls are limited.
  const PublicKey other = PrivateKey::FromSeed(std::string(32, 2))->public_key();
  const std::string good = ConnectRequest(PeerAuthority(other));
  for (int i = 0; i < 2'000; ++i) {
    std::string head = good;
    for (uint64_t edits = 1 + random() % 4; edits > 0; --edits) {
      switch (random() % 4) {
        case 0:
          head[random() % head.size()] = static_cast<char>(random());
          break;
        case 1:
          head.insert(random() % head.size(), 1 + random() % 300, static_cast<char>(random()));
          break;
        case 2:
          head.erase(random() % (head.size() - 1), 1 + random() % 20);
          break;
        default:
          head += head.substr(random() % head.size());
      }
      if (head.size() < 2) head = good;
    }
    const std::unique_ptr<Caller> caller = Connect(kHostile + 10 + static_cast<uint32_t>(i));
    caller->Send(head);
    caller->EndSending();
    caller->ReadToEnd();
  }
  Tunnel tunnel = ConnectBoth();
  ExpectCarries(tunnel);
  EXPECT_GT(relay_->refusals(RelayAnswer::kBadHead), 100u);
}

TEST_F(RelayHostileTest, GuessedCallsMeetNoConnection) {
  const std::unique_ptr<Caller> receiver = Connect(kHonest);
  ASSERT_TRUE(receiver->Send(ConnectRequest(PeerAuthority(CalledKey()))));
  const PeerCall call = AwaitCall();
  std::vector<std::unique_ptr<Caller>> guesses;
  for (char i = 0; i < 10; ++i) {
    std::string id = call.id;
    id.back() = static_cast<char>(id.back() ^ (i + 1));
    guesses.push_back(Connect(kHostile));
    ASSERT_TRUE(guesses.back()->Send(ConnectRequest(CallAuthority(id))));
  }
  for (const std::unique_ptr<Caller>& guess : guesses) {
    EXPECT_THAT(guess->ReadToEnd(), StartsWith("HTTP/1.1 404 "));
  }
  const std::unique_ptr<Caller> peer = Connect(kPeerNetwork);
  ASSERT_TRUE(peer->Send(ConnectRequest(CallAuthority(call.id))));
  EXPECT_TRUE(receiver->Connected());
  // A call is good once.
  const std::unique_ptr<Caller> again = Connect(kHostile);
  ASSERT_TRUE(again->Send(ConnectRequest(CallAuthority(call.id))));
  EXPECT_THAT(again->ReadToEnd(), StartsWith("HTTP/1.1 404 "));
}

TEST_F(RelayHostileTest, AReceiverThatTakesNothingHoldsUpNoOther) {
  std::vector<Tunnel> stalled;
  for (int i = 0; i < 8; ++i) {
    stalled.push_back(ConnectBoth(kHostile));
    // These bytes are in the sockets, and at most 64 KiB of them in the relay.
    EXPECT_LT(stalled.back().peer->FillUp(), size_t{32} << 20);
  }
  Tunnel honest = ConnectBoth();
  for (int i = 0; i < 100; ++i) ExpectCarries(honest);
}

TEST_F(RelayHostileTest, CallsSayWhichReceiversAreOfOneNetwork) {
  const Tunnel one = ConnectBoth(kHonest);
  const Tunnel two = ConnectBoth(kHonest);
  const Tunnel other = ConnectBoth(kHostile);
  EXPECT_EQ(one.caller, two.caller);
  EXPECT_NE(one.caller, other.caller);
  // The number says nothing about the address: another relay has other numbers.
  Start({});
  EXPECT_NE(ConnectBoth(kHonest).caller, one.caller);
}

}  // namespace
}  // namespace arkshare
