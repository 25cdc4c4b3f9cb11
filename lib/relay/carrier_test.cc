#include "lib/relay/carrier.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/relay/sockets.h"

namespace arkshare {
namespace {

using End = Carrier::End;

// The two ends of a TCP connection over loopback: `ours` never blocks.
struct Line {
  int ours = -1;
  int theirs = -1;
};

Line MakeLine() {
  const absl::StatusOr<Listening> listening = ListenAt("127.0.0.1:0");
  EXPECT_TRUE(listening.ok());
  Line line;
  line.ours = BeginConnect(*ToSocketAddress(*ParseHostPort(listening->address)));
  pollfd wanted{.fd = listening->fd, .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&wanted, 1, 60'000), 1);
  line.theirs = accept(listening->fd, nullptr, nullptr);
  EXPECT_GE(line.theirs, 0);
  close(listening->fd);
  return line;
}

// A tunnel between two programs: the test is both.
class CarrierTest : public testing::Test {
 protected:
  void Start(uint64_t bytes_per_second = 0) {
    loop_.Run([&] { carrier_ = std::make_unique<Carrier>(&loop_, bytes_per_second); });
  }
  void TearDown() override {
    loop_.Stop();
    carrier_.reset();
  }

  struct Tunnel {
    int first = -1;
    int second = -1;
    std::future<End> end;
    ~Tunnel() {
      close(first);
      close(second);
    }
    Tunnel() = default;
    Tunnel(Tunnel&&) = delete;
  };
  std::unique_ptr<Tunnel> Open(Carrier::Pair pair = {}) {
    auto tunnel = std::make_unique<Tunnel>();
    const Line first = MakeLine();
    const Line second = MakeLine();
    tunnel->first = first.theirs;
    tunnel->second = second.theirs;
    pair.first = first.ours;
    pair.second = second.ours;
    auto ended = std::make_shared<std::promise<End>>();
    tunnel->end = ended->get_future();
    loop_.Run(
        [&] { carrier_->Carry(std::move(pair), [ended](End end) { ended->set_value(end); }); });
    return tunnel;
  }

  EventLoop loop_;
  std::unique_ptr<Carrier> carrier_;
};

void SendAll(int fd, const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t now = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    ASSERT_GT(now, 0);
    sent += static_cast<size_t>(now);
  }
}

// Reads until the end of the connection, or until there are `most` bytes.
std::string ReadAll(int fd, size_t most = SIZE_MAX) {
  std::string all;
  char bytes[16 * 1024];
  while (all.size() < most) {
    const ssize_t got = recv(fd, bytes, std::min(sizeof(bytes), most - all.size()), 0);
    if (got <= 0) break;
    all.append(bytes, static_cast<size_t>(got));
  }
  return all;
}

TEST_F(CarrierTest, CarriesBothWaysUntilBothHaveEnded) {
  Start();
  const auto tunnel = Open();
  SendAll(tunnel->first, "question");
  EXPECT_EQ(ReadAll(tunnel->second, 8), "question");
  // The half-close passes, and the answer still comes.
  shutdown(tunnel->first, SHUT_WR);
  EXPECT_EQ(ReadAll(tunnel->second), "");
  SendAll(tunnel->second, "answer");
  shutdown(tunnel->second, SHUT_WR);
  EXPECT_EQ(ReadAll(tunnel->first), "answer");
  EXPECT_EQ(tunnel->end.get(), End::kClosed);
  EXPECT_EQ(carrier_->tunnels(), 0u);
  EXPECT_EQ(carrier_->bytes(), 14u);
}

TEST_F(CarrierTest, CarriesMoreThanAnySocketHolds) {
  Start();
  const auto tunnel = Open();
  std::string bytes(size_t{32} * 1024 * 1024, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2'654'435'761u >> 13);
  std::thread sender([&] {
    SendAll(tunnel->first, bytes);
    shutdown(tunnel->first, SHUT_WR);
  });
  std::thread back([&] {
    SendAll(tunnel->second, bytes.substr(0, bytes.size() / 2));
    shutdown(tunnel->second, SHUT_WR);
  });
  std::string returned;
  std::thread reader([&] { returned = ReadAll(tunnel->first); });
  EXPECT_TRUE(ReadAll(tunnel->second) == bytes);
  sender.join();
  back.join();
  reader.join();
  EXPECT_TRUE(returned == bytes.substr(0, bytes.size() / 2));
  EXPECT_EQ(tunnel->end.get(), End::kClosed);
}

TEST_F(CarrierTest, SendsItsOwnBytesFirst) {
  Start();
  Carrier::Pair pair;
  pair.to_first = "to first, ";
  pair.to_second = "to second, ";
  const auto tunnel = Open(std::move(pair));
  SendAll(tunnel->first, "a");
  SendAll(tunnel->second, "b");
  EXPECT_EQ(ReadAll(tunnel->second, 12), "to second, a");
  EXPECT_EQ(ReadAll(tunnel->first, 11), "to first, b");
}

TEST_F(CarrierTest, PassesAResetOn) {
  Start();
  for (const bool from_first : {true, false}) {
    const auto tunnel = Open();
    int& gone = from_first ? tunnel->first : tunnel->second;
    const int stays = from_first ? tunnel->second : tunnel->first;
    CloseWithReset(std::exchange(gone, -1));
    char byte = 0;
    EXPECT_EQ(recv(stays, &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
    EXPECT_EQ(tunnel->end.get(), End::kBroken);
  }
}

TEST_F(CarrierTest, ASideThatTakesNothingHoldsUpItsTunnelOnly) {
  Start();
  const auto stalled = Open();
  std::atomic<bool> stop = false;
  std::thread sender([&] {
    const std::string bytes(size_t{1} << 20, 'x');
    while (!stop) {
      if (send(stalled->first, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        continue;
      pollfd wanted{.fd = stalled->first, .events = POLLOUT, .revents = 0};
      poll(&wanted, 1, 10);
    }
  });
  const auto other = Open();
  const std::string bytes(size_t{4} << 20, 'y');
  std::thread other_sender([&] { SendAll(other->first, bytes); });
  EXPECT_TRUE(ReadAll(other->second, bytes.size()) == bytes);
  other_sender.join();
  stop = true;
  sender.join();
  // A reset is noticed also while the other side takes nothing.
  CloseWithReset(std::exchange(stalled->first, -1));
  EXPECT_EQ(stalled->end.get(), End::kBroken);
}

TEST_F(CarrierTest, DemandsTheFirstByte) {
  Start();
  Carrier::Pair pair;
  pair.first_byte = '\x16';
  const auto wrong = Open(pair);
  SendAll(wrong->first, "PRI * HTTP/2.0");
  EXPECT_EQ(wrong->end.get(), End::kWrongFirstByte);
  EXPECT_EQ(ReadAll(wrong->second), "");
  const auto right = Open(pair);
  SendAll(right->second, "anything");
  SendAll(right->first, "\x16\x03 and PRI");
  EXPECT_EQ(ReadAll(right->second, 4), "\x16\x03 a");
}

TEST_F(CarrierTest, ARateHoldsForAllTogether) {
  Start(4'000'000);
  const auto tunnel = Open();
  const std::string bytes(2'000'000, 'x');
  const absl::Time begin = Clock::Real()->Monotonic();
  std::thread sender([&] { SendAll(tunnel->first, bytes); });
  EXPECT_TRUE(ReadAll(tunnel->second, bytes.size()) == bytes);
  sender.join();
  // A tenth of a second is saved up before. A slow machine only takes longer.
  EXPECT_GT(Clock::Real()->Monotonic() - begin, absl::Milliseconds(300));
}

TEST_F(CarrierTest, AFlowGetsNoMoreForHavingMoreTunnels) {
  Start(500'000);
  // All that is sent fits into the buffers of the sockets, so no thread of the test must keep up.
  const std::string bytes(150'000, 'x');
  Carrier::Pair greedy;
  greedy.flow = "greedy";
  Carrier::Pair modest;
  modest.flow = "modest";
  std::vector<Line> firsts;
  std::vector<Line> seconds;
  for (int i = 0; i < 5; ++i) {
    firsts.push_back(MakeLine());
    seconds.push_back(MakeLine());
    SendAll(firsts.back().theirs, bytes);
    shutdown(firsts.back().theirs, SHUT_WR);
    shutdown(seconds.back().theirs, SHUT_WR);
  }
  std::promise<double> share;
  loop_.Run([&] {
    for (size_t i = 0; i < 4; ++i) {
      greedy.first = firsts[i].ours;
      greedy.second = seconds[i].ours;
      carrier_->Carry(greedy, nullptr);
    }
    modest.first = firsts[4].ours;
    modest.second = seconds[4].ours;
    carrier_->Carry(modest, [&](End) {
      const double others = static_cast<double>(carrier_->bytes() - bytes.size());
      share.set_value(others / static_cast<double>(bytes.size()));
    });
  });
  const double greedy_share = share.get_future().get();
  EXPECT_LT(greedy_share, 1.6);
  EXPECT_GT(greedy_share, 0.5);
  for (const std::vector<Line>* lines : {&firsts, &seconds}) {
    for (const Line& line : *lines) close(line.theirs);
  }
}

}  // namespace
}  // namespace arkshare
