#include "clients/cli/interrupts.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace arkshare {
namespace {

TEST(InterruptsTest, EndsSleepBeforeAndWhileItLasts) {
  Interrupts interrupts;
  EXPECT_TRUE(interrupts.SleepFor(absl::ZeroDuration()));
  std::thread other([&] { interrupts.Trigger(); });
  EXPECT_FALSE(interrupts.SleepFor(absl::InfiniteDuration()));
  other.join();
  EXPECT_FALSE(interrupts.SleepFor(absl::Hours(1)));
  EXPECT_TRUE(interrupts.triggered());
  EXPECT_EQ(interrupts.exit_code(), 130);
}

TEST(InterruptsTest, TheFirstInterruptCounts) {
  Interrupts interrupts;
  EXPECT_FALSE(interrupts.triggered());
  interrupts.Trigger(SIGTERM);
  interrupts.Trigger(SIGINT);
  EXPECT_EQ(interrupts.exit_code(), 143);
}

TEST(InterruptsTest, TheEndOfAReaderInterrupts) {
  int pipe_fds[2] = {};
  ASSERT_EQ(pipe(pipe_fds), 0);
  Interrupts interrupts;
  interrupts.EndWhenClosed(pipe_fds[1]);
  EXPECT_TRUE(interrupts.SleepFor(absl::ZeroDuration()));
  close(pipe_fds[0]);
  EXPECT_FALSE(interrupts.SleepFor(absl::InfiniteDuration()));
  EXPECT_EQ(interrupts.exit_code(), 128 + SIGPIPE);
  close(pipe_fds[1]);
}

TEST(InterruptsTest, CatchesSignalsWhileItLives) {
  {
    Interrupts interrupts;
    interrupts.CatchSignals();
    EXPECT_EQ(raise(SIGINT), 0);
    EXPECT_TRUE(interrupts.triggered());
    pollfd fd = {.fd = interrupts.fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&fd, 1, 0), 1);
  }
  struct sigaction action = {};
  ASSERT_EQ(sigaction(SIGINT, nullptr, &action), 0);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST(InterruptsDeathTest, ASecondSignalEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        Interrupts interrupts;
        interrupts.CatchSignals();
        raise(SIGINT);
        raise(SIGINT);
      },
      testing::ExitedWithCode(130), "");
}

TEST(InterruptsDeathTest, AProcessThatHangsAfterASignalEnds) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        Interrupts interrupts;
        interrupts.CatchSignals(absl::Milliseconds(50));
        raise(SIGTERM);
        while (true) pause();
      },
      testing::ExitedWithCode(143), "");
}

}  // namespace
}  // namespace arkshare
