#include "lib/relay/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <vector>

namespace arkshare {
namespace {

using testing::ElementsAre;

TEST(EventLoopTest, RunsWhatIsPostedInOrder) {
  EventLoop loop;
  std::vector<int> ran;
  for (int i = 0; i < 3; ++i) loop.Post([&, i] { ran.push_back(i); });
  loop.Run([&] { ran.push_back(3); });
  EXPECT_THAT(ran, ElementsAre(0, 1, 2, 3));
}

TEST(EventLoopTest, RunsWhatIsPostedBeforeItStops) {
  EventLoop loop;
  int ran = 0;
  loop.Post([&] { ++ran; });
  loop.Stop();
  EXPECT_EQ(ran, 1);
  loop.Post([&] { ++ran; });
  loop.Run([&] { ++ran; });
  EXPECT_EQ(ran, 1);
}

TEST(EventLoopTest, RunsTimersWhenTheyAreDue) {
  EventLoop loop;
  std::vector<int> ran;
  std::promise<void> all;
  loop.Post([&] {
    loop.After(absl::Milliseconds(20), [&] {
      ran.push_back(2);
      all.set_value();
    });
    loop.After(absl::Milliseconds(1), [&] { ran.push_back(1); });
    const uint64_t cancelled = loop.After(absl::Milliseconds(2), [&] { ran.push_back(3); });
    loop.Cancel(cancelled);
    loop.Cancel(cancelled);
  });
  all.get_future().wait();
  EXPECT_THAT(ran, ElementsAre(1, 2));
}

TEST(EventLoopTest, TellsOfTheSocketThatIsReady) {
  EventLoop loop;
  int sockets[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
  std::promise<char> got;
  loop.Post([&] {
    loop.Watch(sockets[0], EPOLLIN, [&](uint32_t events) {
      char byte = 0;
      if ((events & EPOLLIN) == 0 || read(sockets[0], &byte, 1) != 1) return;
      loop.Forget(sockets[0]);
      got.set_value(byte);
    });
  });
  ASSERT_EQ(write(sockets[1], "x", 1), 1);
  EXPECT_EQ(got.get_future().get(), 'x');
  // It is forgotten, so no handler is called twice.
  ASSERT_EQ(write(sockets[1], "y", 1), 1);
  loop.Run([] {});
  loop.Stop();
  for (const int fd : sockets) close(fd);
}

}  // namespace
}  // namespace arkshare
