#include "lib/relay/sockets.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace arkshare {
namespace {

SocketAddress PlaceOf(const std::string& address) {
  return *ToSocketAddress(*ParseHostPort(address));
}

// Waits until the attempt to connect has ended, and returns its error.
int AwaitConnected(int fd) {
  pollfd wanted{.fd = fd, .events = POLLOUT, .revents = 0};
  EXPECT_EQ(poll(&wanted, 1, 60'000), 1);
  return ConnectError(fd);
}

TEST(SocketsTest, ConnectsToWhatListens) {
  const absl::StatusOr<Listening> listening = ListenAt("127.0.0.1:0");
  ASSERT_TRUE(listening.ok()) << listening.status();
  EXPECT_NE(listening->port, 0);
  EXPECT_EQ(listening->address, "127.0.0.1:" + std::to_string(listening->port));
  const int fd = BeginConnect(PlaceOf(listening->address));
  ASSERT_GE(fd, 0);
  EXPECT_EQ(AwaitConnected(fd), 0);
  TuneCarried(fd);
  CloseWithReset(fd);
  close(listening->fd);
}

TEST(SocketsTest, SaysWhyItCannotConnect) {
  const absl::StatusOr<Listening> listening = ListenAt("127.0.0.1:0");
  ASSERT_TRUE(listening.ok());
  close(listening->fd);
  const int fd = BeginConnect(PlaceOf(listening->address));
  if (fd < 0) {
    EXPECT_EQ(errno, ECONNREFUSED);
    return;
  }
  EXPECT_EQ(AwaitConnected(fd), ECONNREFUSED);
  close(fd);
}

TEST(SocketsTest, ListensExclusively) {
  const absl::StatusOr<Listening> listening = ListenAt("127.0.0.1:0");
  ASSERT_TRUE(listening.ok());
  EXPECT_TRUE(absl::IsAlreadyExists(ListenAt(listening->address).status()));
  close(listening->fd);
  EXPECT_TRUE(absl::IsInvalidArgument(ListenAt("books.example.org:0").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ListenAt("no port").status()));
}

TEST(SocketsTest, KnowsWhereThisMachineReachesAServer) {
  EXPECT_EQ(AddressOnThisMachine("0.0.0.0:5"), "127.0.0.1:5");
  EXPECT_EQ(AddressOnThisMachine("[::]:5"), "127.0.0.1:5");
  EXPECT_EQ(AddressOnThisMachine("192.0.2.1:5"), "192.0.2.1:5");
}

}  // namespace
}  // namespace arkshare
