#include "lib/rpc/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace arkshare {
namespace {

// Runs in a process of its own (and, as a death test, before the others): a thread that does not
// block the signals, such as one that gRPC leaves behind, would end the program.
TEST(StopSignalDeathTest, ARequestBeforeTheWaitIsNotMissed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        BlockStopSignals();
        RequestStop();
        WaitForStopSignal();
        std::thread stopper(&RequestStop);
        WaitForStopSignal();
        stopper.join();
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST(TuneProcessTest, NoEventThatIsNoneOfItsBusinessEndsTheProcess) {
  TuneProcess();
  for (int signal : {SIGHUP, SIGPIPE, SIGXFSZ}) EXPECT_EQ(raise(signal), 0) << signal;
}

TEST(TuneProcessDeathTest, AClosedStandardStreamIsNotTakenByAFile) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        TuneProcess();
        _exit(open("/dev/null", O_RDONLY) > STDERR_FILENO ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(StopSignalDeathTest, AProcessThatHangsAfterTheSignalIsEnded) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        BlockStopSignals(absl::Milliseconds(50));
        RequestStop();
        WaitForStopSignal();
        while (true) pause();
      },
      testing::ExitedWithCode(1), "what hangs");
}

TEST(StopSignalDeathTest, AProcessThatHangsAtItsStartIsEnded) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        BlockStopSignals(absl::Milliseconds(50));
        RequestStop();
        while (true) pause();
      },
      testing::ExitedWithCode(1), "what hangs");
}

TEST(TuneProcessTest, RaisesTheLimitOfOpenFilesToTheMaximum) {
  TuneProcess();
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  EXPECT_EQ(files.rlim_cur, files.rlim_max);
}

}  // namespace
}  // namespace arkshare
