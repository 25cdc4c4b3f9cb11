#include "services/peer/calls/call_door.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/mutex.h"
#include "lib/rpc/relayed_target.h"

namespace arkshare {
namespace {

using testing::StartsWith;

// The test plays the index, the called peer, the relay, and gRPC's end of the connection.
class CallDoorTest : public testing::Test {
 protected:
  void SetUp() override {
    front_ = *CallFront::Listen("127.0.0.1:0");
    front_->Open([](int fd) { close(fd); });
    relay_ = *ListenAt("127.0.0.1:0");
    Open(absl::Minutes(10));
  }
  void TearDown() override {
    door_.reset();
    front_.reset();
    for (const int fd : opened_) close(fd);
    close(relay_.fd);
  }

  // `patience`: zero for a peer that does not come in time.
  void Open(absl::Duration patience) {
    door_.reset();
    door_ = *CallDoor::Open({.front = front_.get(),
                             .reached_directly =
                                 [this] {
                                   MutexLock lock(&mutex_);
                                   return direct_;
                                 },
                             .call_peer =
                                 [this](const PublicKey& key, const std::string& call_id) {
                                   MutexLock lock(&mutex_);
                                   EXPECT_EQ(key, key_);
                                   calls_.push_back(call_id);
                                   changed_.NotifyAll();
                                   return answer_;
                                 },
                             .patience = patience});
  }
  void SetDirect(bool direct) {
    MutexLock lock(&mutex_);
    direct_ = direct;
  }
  void SetAnswer(const absl::Status& answer) {
    MutexLock lock(&mutex_);
    answer_ = answer;
  }
  // Returns the id of the next call.
  std::string AwaitCall() {
    MutexLock lock(&mutex_);
    while (calls_.empty()) changed_.Wait(&mutex_);
    std::string id = calls_.front();
    calls_.pop_front();
    return id;
  }
  size_t CallCount() {
    MutexLock lock(&mutex_);
    return calls_.size();
  }

  int Connect(const std::string& address) {
    const SocketAddress place = *ToSocketAddress(*ParseHostPort(address));
    const int fd = socket(place.storage.ss_family, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&place.storage), place.length), 0);
    opened_.push_back(fd);
    return fd;
  }
  // The lines as gRPC writes them.
  std::string Lines() const {
    return absl::StrReplaceAll(door_->Lines(relay_.address),
                               {{"Door:", "Door: "}, {"Relay:", "Relay: "}});
  }
  // Connects as a channel of this peer does.
  int Enter() {
    const int fd = Connect(door_->address());
    const std::string head = ConnectRequest(PeerAuthority(key_));
    Send(fd, absl::StrCat(head.substr(0, head.size() - 2),
                          absl::StrReplaceAll(Lines(), {{"\n", "\r\n"}}), "\r\n\r\n", "hello"));
    return fd;
  }
  int AcceptAtRelay() {
    pollfd wanted{.fd = relay_.fd, .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&wanted, 1, 60'000), 1);
    const int fd = accept(relay_.fd, nullptr, nullptr);
    opened_.push_back(fd);
    const std::string head = ConnectRequest(PeerAuthority(key_));
    EXPECT_EQ(Read(fd, head.size()), head);
    return fd;
  }
  bool RelayHasConnection() const {
    pollfd wanted{.fd = relay_.fd, .events = POLLIN, .revents = 0};
    return poll(&wanted, 1, 0) != 0;
  }
  static void Send(int fd, const std::string& bytes) {
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  static std::string Read(int fd, size_t count) {
    std::string bytes(count, '\0');
    const ssize_t got = recv(fd, bytes.data(), count, MSG_WAITALL);
    bytes.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }
  // The peer comes for the call, and both ends talk.
  void ComeFor(const std::string& call_id, int guest) {
    const int peer = Connect(front_->address());
    Send(peer, ConnectRequest(CallAuthority(call_id)) + "first");
    EXPECT_EQ(Read(peer, kConnected.size() + 5), kConnected + "hello");
    EXPECT_EQ(Read(guest, kConnected.size() + 5), kConnected + "first");
    Send(guest, "question");
    EXPECT_EQ(Read(peer, 8), "question");
    Send(peer, "answer");
    EXPECT_EQ(Read(guest, 6), "answer");
  }
  void RelayCarries(int guest) {
    const int relay = AcceptAtRelay();
    Send(relay, kConnected + "first");
    EXPECT_EQ(Read(guest, kConnected.size() + 5), kConnected + "first");
    EXPECT_EQ(Read(relay, 5), "hello");
  }

  const PublicKey key_ = PrivateKey::FromSeed(std::string(32, 1))->public_key();
  const std::string kConnected = ConnectAnswer(RelayAnswer::kConnected);
  Mutex mutex_;
  CondVar changed_;
  bool direct_ ABSL_GUARDED_BY(mutex_) = true;
  absl::Status answer_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> calls_ ABSL_GUARDED_BY(mutex_);
  Listening relay_;
  std::vector<int> opened_;
  std::unique_ptr<CallFront> front_;
  std::unique_ptr<CallDoor> door_;
};

TEST_F(CallDoorTest, CarriesToAPeerThatComesWhenItIsCalled) {
  const int guest = Enter();
  ComeFor(AwaitCall(), guest);
  EXPECT_TRUE(door_->CalledBack(key_));
  EXPECT_FALSE(RelayHasConnection());
}

TEST_F(CallDoorTest, GoesToTheRelayForAPeerThatDoesNotCome) {
  Open(absl::ZeroDuration());
  RelayCarries(Enter());
  const std::string late = AwaitCall();
  EXPECT_FALSE(door_->CalledBack(key_));
  const int peer = Connect(front_->address());
  Send(peer, ConnectRequest(CallAuthority(late)));
  EXPECT_THAT(Read(peer, 12), StartsWith("HTTP/1.1 404"));
  // It is not called again now.
  RelayCarries(Enter());
  EXPECT_EQ(CallCount(), 0u);
}

TEST_F(CallDoorTest, GoesToTheRelayWhenTheIndexRefuses) {
  SetAnswer(MakeError(Reason::kPeerUnreachable, "not here"));
  RelayCarries(Enter());
  AwaitCall();
  EXPECT_FALSE(door_->CalledBack(key_));
}

TEST_F(CallDoorTest, GoesToTheRelayWhileNoPeerReachesThisOne) {
  SetDirect(false);
  RelayCarries(Enter());
  EXPECT_EQ(CallCount(), 0u);
  SetDirect(true);
  const int guest = Enter();
  ComeFor(AwaitCall(), guest);
  EXPECT_TRUE(door_->CalledBack(key_));
}

TEST_F(CallDoorTest, PassesTheRefusalOfTheRelayOn) {
  SetDirect(false);
  const int guest = Enter();
  Send(AcceptAtRelay(), ConnectAnswer(RelayAnswer::kNoSuchPeer));
  EXPECT_THAT(Read(guest, 12), StartsWith("HTTP/1.1 404"));
}

TEST_F(CallDoorTest, IsForThisPeerOnly) {
  const std::string head = ConnectRequest(PeerAuthority(key_));
  const std::string right = absl::StrReplaceAll(Lines(), {{"\n", "\r\n"}});
  std::string wrong = right;
  wrong[15] = wrong[15] == '0' ? '1' : '0';
  const std::string relay_only = absl::StrCat("Arkshare-Relay: ", relay_.address);
  for (const std::string& lines : {wrong, relay_only, std::string("Host: x")}) {
    const int fd = Connect(door_->address());
    Send(fd, absl::StrCat(head.substr(0, head.size() - 2), lines, "\r\n\r\n"));
    EXPECT_THAT(Read(fd, 12), StartsWith("HTTP/1.1 400")) << lines;
  }
  const int call = Connect(door_->address());
  const std::string call_head = ConnectRequest(CallAuthority(std::string(kCallIdBytes, 'c')));
  Send(call, absl::StrCat(call_head.substr(0, call_head.size() - 2), right, "\r\n\r\n"));
  EXPECT_THAT(Read(call, 12), StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(CallCount(), 0u);
  EXPECT_FALSE(RelayHasConnection());
}

TEST_F(CallDoorTest, AGuestThatLeavesIsNotExpectedAnyMore) {
  const int guest = Enter();
  const std::string id = AwaitCall();
  shutdown(guest, SHUT_RDWR);
  // The loop may see the peer before the end of the guest; then the connection ends at once.
  const int peer = Connect(front_->address());
  Send(peer, ConnectRequest(CallAuthority(id)));
  const std::string answer = Read(peer, 1'000);
  EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 404") ||
              answer.starts_with(kConnected))
      << answer;
}

TEST_F(CallDoorTest, EndsWhileItWaits) {
  const int guest = Enter();
  AwaitCall();
  const int carried = Enter();
  ComeFor(AwaitCall(), carried);
  door_.reset();
  for (const int fd : {guest, carried}) EXPECT_EQ(Read(fd, 1), "");
}

}  // namespace
}  // namespace arkshare
