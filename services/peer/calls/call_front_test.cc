#include "services/peer/calls/call_front.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/relayed_target.h"

namespace arkshare {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A server that keeps what it is given, for the test to look at.
class CallFrontTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<CallFront>> front = CallFront::Listen("127.0.0.1:0");
    ASSERT_TRUE(front.ok()) << front.status();
    front_ = *std::move(front);
    Open();
  }
  void TearDown() override {
    front_.reset();
    MutexLock lock(&mutex_);
    for (const int fd : opened_) close(fd);
  }

  void Open() {
    front_->Open([this](int fd) { Put(&given_, fd); });
  }
  void Put(std::deque<int>* where, int fd) {
    MutexLock lock(&mutex_);
    where->push_back(fd);
    opened_.push_back(fd);
    changed_.NotifyAll();
  }
  int Await(std::deque<int>* where) {
    MutexLock lock(&mutex_);
    while (where->empty()) changed_.Wait(&mutex_);
    const int fd = where->front();
    where->pop_front();
    return fd;
  }
  // Returns the next connection that the server was given, or that came for the call.
  int Given() { return Await(&given_); }
  int Called() { return Await(&called_); }
  size_t GivenCount() {
    MutexLock lock(&mutex_);
    return given_.size();
  }

  int Connect(const std::string& address) {
    const SocketAddress place = *ToSocketAddress(*ParseHostPort(address));
    const int fd = socket(place.storage.ss_family, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&place.storage), place.length), 0);
    MutexLock lock(&mutex_);
    opened_.push_back(fd);
    return fd;
  }
  int Connect() { return Connect(front_->address()); }
  static void Send(int fd, const std::string& bytes) {
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Reads as many bytes; fewer when the connection ends.
  static std::string Read(int fd, size_t count) {
    std::string bytes;
    char more[4096];
    while (bytes.size() < count) {
      pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
      EXPECT_EQ(poll(&wanted, 1, 60'000), 1);
      const ssize_t got = recv(fd, more, std::min(sizeof(more), count - bytes.size()), 0);
      if (got <= 0) break;
      bytes.append(more, static_cast<size_t>(got));
    }
    return bytes;
  }
  static std::string ReadToEnd(int fd) { return Read(fd, 1'000'000); }

  void Expect(const std::string& call_id) {
    front_->loop()->Run([&] {
      front_->Expect(call_id, [this](CallFront::Caller caller) {
        {
          MutexLock lock(&mutex_);
          rest_ = std::string(caller.reader.rest());
        }
        Put(&called_, caller.fd);
      });
    });
  }

  const std::string id_ = std::string(kCallIdBytes, '\x07');
  const std::string head_ = ConnectRequest(CallAuthority(id_));
  Mutex mutex_;
  CondVar changed_;
  std::deque<int> given_ ABSL_GUARDED_BY(mutex_);
  std::deque<int> called_ ABSL_GUARDED_BY(mutex_);
  std::string rest_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> opened_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<CallFront> front_;
};

TEST_F(CallFrontTest, GivesTheServerConnectionsUntouched) {
  for (const std::string& bytes :
       {std::string("PRI * HTTP/2.0\r\n\r\n"), std::string("\x16\x03\x01", 3), std::string("c"),
        std::string(1, '\0'), std::string("GET / HTTP/1.1\r\n\r\n")}) {
    const int client = Connect();
    Send(client, bytes);
    const int server = Given();
    EXPECT_EQ(Read(server, bytes.size()), bytes);
    Send(server, "answer");
    EXPECT_EQ(Read(client, 6), "answer");
  }
}

TEST_F(CallFrontTest, GivesTheServerAConnectionThatEnds) {
  shutdown(Connect(), SHUT_WR);
  EXPECT_EQ(ReadToEnd(Given()), "");
}

TEST_F(CallFrontTest, ACallGoesToTheProgramThatExpectsIt) {
  Expect(id_);
  const int client = Connect();
  Send(client, head_ + "first bytes");
  const int called = Called();
  {
    MutexLock lock(&mutex_);
    EXPECT_EQ(rest_, "first bytes");
  }
  Send(client, "and more");
  EXPECT_EQ(Read(called, 8), "and more");
  // Once.
  const int again = Connect();
  Send(again, head_);
  EXPECT_THAT(ReadToEnd(again), StartsWith("HTTP/1.1 404 "));
}

TEST_F(CallFrontTest, ACallMayComeByteByByte) {
  Expect(id_);
  const int client = Connect();
  for (const char byte : head_) Send(client, std::string(1, byte));
  Called();
  EXPECT_EQ(GivenCount(), 0u);
}

TEST_F(CallFrontTest, RefusesCallsThatNoProgramExpects) {
  Expect(id_);
  front_->loop()->Run([&] { front_->Unexpect(id_); });
  const std::string key(64, '1');
  const std::vector<std::pair<std::string, std::string>> kRows = {
      {head_, "HTTP/1.1 404 "},
      {ConnectRequest(CallAuthority(std::string(kCallIdBytes, '\x08'))), "HTTP/1.1 404 "},
      {"CONNECT " + key + ".peer:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
      {"CONNECT example.org:80 HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
      {"COPY", "HTTP/1.1 400 "},
      {"CONNECT " + std::string(kMaxHeadBytes, 'x'), "HTTP/1.1 400 "},
  };
  for (const auto& [head, answer] : kRows) {
    const int client = Connect();
    Send(client, head);
    EXPECT_THAT(ReadToEnd(client), StartsWith(answer)) << head;
  }
  EXPECT_EQ(GivenCount(), 0u);
}

TEST_F(CallFrontTest, TooManySilentConnectionsGoToTheServer) {
  // Both ends of each are in this process.
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_max < 3 * CallFront::kMostUndecided) GTEST_SKIP() << "too few descriptors";
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  const int first = Connect();
  std::vector<int> silent;
  for (size_t i = 0; i < CallFront::kMostUndecided; ++i) silent.push_back(Connect());
  const int given = Given();  // the oldest one
  Send(first, "x");
  EXPECT_EQ(Read(given, 1), "x");
  // A call that comes now is heard.
  Expect(id_);
  Send(Connect(), head_);
  Called();
}

TEST_F(CallFrontTest, IsFreeAfterItsEnd) {
  const std::string address = front_->address();
  const int silent = Connect();
  const int begun = Connect();
  Send(begun, "CONN");
  front_->Close();
  for (const int fd : {silent, begun}) EXPECT_EQ(ReadToEnd(fd), "");
  EXPECT_EQ(GivenCount(), 0u);
  EXPECT_TRUE(CallFront::Listen(address).ok());
}

TEST_F(CallFrontTest, SaysWhyItCannotListen) {
  const absl::Status taken = CallFront::Listen(front_->address()).status();
  EXPECT_EQ(taken.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(taken.message()), HasSubstr(front_->address()));
  EXPECT_EQ(CallFront::Listen("localhost.example:1").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(CallFrontTest, TheWildcardIsForBothFamilies) {
  const int probe = socket(AF_INET6, SOCK_STREAM, 0);
  const SocketAddress v6 = *ToSocketAddress(HostPort{"::1", 0});
  const bool has_v6 =
      probe >= 0 && bind(probe, reinterpret_cast<const sockaddr*>(&v6.storage), v6.length) == 0;
  if (probe >= 0) close(probe);
  front_.reset();
  absl::StatusOr<std::unique_ptr<CallFront>> front = CallFront::Listen("0.0.0.0:0");
  ASSERT_TRUE(front.ok()) << front.status();
  front_ = *std::move(front);
  Open();
  EXPECT_THAT(front_->address(), StartsWith("0.0.0.0:"));
  const int port = ParseHostPort(front_->address())->port;
  Send(Connect(HostPort{"127.0.0.1", port}.ToString()), "4");
  EXPECT_EQ(Read(Given(), 1), "4");
  if (!has_v6) GTEST_SKIP() << "this machine has no IPv6";
  Send(Connect(HostPort{"::1", port}.ToString()), "6");
  EXPECT_EQ(Read(Given(), 1), "6");
}

}  // namespace
}  // namespace arkshare
