#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>

#include "lib/rpc/server.h"

namespace arkshare {
namespace {

// A program of its own: signals concern every thread, also those that gRPC leaves behind.
TEST(StopSignalTest, ARequestBeforeTheWaitIsNotMissed) {
  BlockStopSignals();
  RequestStop();
  WaitForStopSignal();
  std::thread stopper(&RequestStop);
  WaitForStopSignal();
  stopper.join();
}

TEST(TuneProcessTest, TakesAllTheOpenFilesThatTheMachineAllows) {
  TuneProcess();
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  EXPECT_EQ(files.rlim_cur, files.rlim_max);
}

}  // namespace
}  // namespace arkshare
