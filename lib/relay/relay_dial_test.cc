#include "lib/relay/relay_dial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/relay/sockets.h"
#include "lib/rpc/testing/silent_address.h"

namespace arkshare {
namespace {

using testing::HasSubstr;

constexpr char kRequest[] = "CONNECT something HTTP/1.1\r\n\r\n";

// The test plays the relay.
class RelayDialTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<Listening> listening = ListenAt("127.0.0.1:0");
    ASSERT_TRUE(listening.ok()) << listening.status();
    relay_ = *listening;
  }
  void TearDown() override {
    loop_.Stop();
    dial_.reset();
    close(relay_.fd);
    if (result_.has_value() && result_->fd >= 0) close(result_->fd);
  }

  void Dial(std::vector<std::string> addresses, absl::Duration patience = absl::Minutes(1)) {
    std::vector<SocketAddress> places;
    for (const std::string& address : addresses)
      places.push_back(*ToSocketAddress(*ParseHostPort(address)));
    loop_.Run([&] {
      dial_ = std::make_unique<RelayDial>(&loop_, std::move(places), kRequest, patience,
                                          [this](RelayDial::Result result) {
                                            MutexLock lock(&mutex_);
                                            result_ = std::move(result);
                                            changed_.NotifyAll();
                                          });
    });
  }
  RelayDial::Result& Await() {
    MutexLock lock(&mutex_);
    while (!result_.has_value()) changed_.Wait(&mutex_);
    return *result_;
  }
  // Takes the connection, reads the request, and answers.
  void Answer(const std::string& words) {
    pollfd wanted{.fd = relay_.fd, .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&wanted, 1, 60'000), 1);
    const int fd = accept(relay_.fd, nullptr, nullptr);
    std::string request(sizeof(kRequest) - 1, 0);
    EXPECT_EQ(recv(fd, request.data(), request.size(), MSG_WAITALL),
              static_cast<ssize_t>(request.size()));
    EXPECT_EQ(request, kRequest);
    EXPECT_EQ(send(fd, words.data(), words.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(words.size()));
    close(fd);
  }

  Listening relay_;
  EventLoop loop_;
  std::unique_ptr<RelayDial> dial_;
  Mutex mutex_;
  CondVar changed_;
  std::optional<RelayDial::Result> result_;
};

TEST_F(RelayDialTest, ReturnsTheConnectionAndWhatCameAlready) {
  Dial({relay_.address});
  Answer(ConnectAnswer(RelayAnswer::kConnected) + "first words");
  RelayDial::Result& result = Await();
  ASSERT_GE(result.fd, 0);
  // The words may come after the answer.
  std::string words(result.reader.rest());
  char more[16];
  ssize_t got = 0;
  pollfd wanted{.fd = result.fd, .events = POLLIN, .revents = 0};
  while (poll(&wanted, 1, 60'000) == 1 && (got = recv(result.fd, more, sizeof(more), 0)) > 0) {
    words.append(more, static_cast<size_t>(got));
  }
  EXPECT_EQ(words, "first words");
}

TEST_F(RelayDialTest, SaysWithWhatTheRelayRefuses) {
  Dial({relay_.address});
  Answer(ConnectAnswer(RelayAnswer::kTooMany));
  EXPECT_EQ(Await().fd, -1);
  EXPECT_EQ(result_->refusal, 429);
  EXPECT_EQ(result_->why, "it answers 429");
}

TEST_F(RelayDialTest, KnowsWhatIsNoRelay) {
  Dial({relay_.address});
  Answer("SSH-2.0-OpenSSH\r\n");
  EXPECT_EQ(Await().fd, -1);
  EXPECT_EQ(result_->refusal, 0);
  EXPECT_THAT(result_->why, HasSubstr("not a relay"));
}

TEST_F(RelayDialTest, GoesOnToTheNextAddress) {
  const absl::StatusOr<Listening> gone = ListenAt("127.0.0.1:0");
  ASSERT_TRUE(gone.ok());
  close(gone->fd);
  Dial({gone->address, relay_.address});
  Answer(ConnectAnswer(RelayAnswer::kConnected));
  EXPECT_GE(Await().fd, 0);
}

TEST_F(RelayDialTest, SaysWhyNoAddressAnswers) {
  const absl::StatusOr<Listening> gone = ListenAt("127.0.0.1:0");
  ASSERT_TRUE(gone.ok());
  close(gone->fd);
  Dial({gone->address});
  EXPECT_EQ(Await().fd, -1);
  EXPECT_THAT(result_->why, HasSubstr("nothing listens there"));
}

TEST_F(RelayDialTest, WithoutAnAddressItFails) {
  Dial({});
  EXPECT_EQ(Await().fd, -1);
  EXPECT_EQ(result_->why, "it has no address");
}

TEST_F(RelayDialTest, EndsWithItsPatience) {
  const SilentAddress hangs(SilentAddress::Queue::kFree);
  Dial({hangs.address()}, absl::Milliseconds(50));
  EXPECT_EQ(Await().fd, -1);
  EXPECT_THAT(result_->why, HasSubstr("too long"));
}

TEST_F(RelayDialTest, CanBeGivenUp) {
  const SilentAddress hangs(SilentAddress::Queue::kFree);
  Dial({hangs.address()});
  loop_.Run([&] { dial_.reset(); });
  EXPECT_FALSE(result_.has_value());
}

}  // namespace
}  // namespace arkshare
