#include "lib/core/failpoint.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>

namespace arkshare {
namespace {

#ifdef ARKSHARE_FAILPOINTS

// Every case runs in a process of its own, because a process reads the settings once.
class FailpointDeathTest : public ::testing::Test {
 protected:
  FailpointDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  static void Set(const std::string& settings) {
    setenv("ARKSHARE_FAILPOINTS", settings.c_str(), 1);
  }
  // Ends the process with 0 when `held`.
  [[noreturn]] static void EndWith(bool held) { _exit(held ? 0 : 1); }
};

TEST_F(FailpointDeathTest, NothingHappensWithoutSettings) {
  EXPECT_EXIT(
      {
        unsetenv("ARKSHARE_FAILPOINTS");
        ARKSHARE_FAILPOINT("here");
        EndWith(!ARKSHARE_FAILPOINT_ERROR("here"));
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(FailpointDeathTest, OtherFailpointsDoNothing) {
  EXPECT_EXIT(
      {
        Set("here=kill;there=*error");
        ARKSHARE_FAILPOINT("her");
        ARKSHARE_FAILPOINT("heres");
        EndWith(!ARKSHARE_FAILPOINT_ERROR("elsewhere"));
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(FailpointDeathTest, KillEndsTheProcessAsBySigkill) {
  EXPECT_EXIT(
      {
        Set("there=error;here=kill");
        ARKSHARE_FAILPOINT("here");
        EndWith(true);
      },
      ::testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FailpointDeathTest, AnErrorHappensOnce) {
  EXPECT_EXIT(
      {
        Set("here=error");
        const bool first = ARKSHARE_FAILPOINT_ERROR("here");
        const bool second = ARKSHARE_FAILPOINT_ERROR("here");
        EndWith(first && !second);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(FailpointDeathTest, AnErrorWithAStarHappensEveryTime) {
  EXPECT_EXIT(
      {
        Set("here=*error");
        const bool first = ARKSHARE_FAILPOINT_ERROR("here");
        const bool second = ARKSHARE_FAILPOINT_ERROR("here");
        EndWith(first && second);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(FailpointDeathTest, PauseBlocksTheThreadUntilTheTestReleasesIt) {
  const std::string fifo =
      ::testing::TempDir() + "/failpoint_test." + std::to_string(getpid()) + ".fifo";
  EXPECT_EXIT(
      {
        if (mkfifo(fifo.c_str(), 0600) != 0) EndWith(false);
        Set("here=pause:" + fifo);
        std::atomic<bool> passed = false;
        std::thread held([&] {
          ARKSHARE_FAILPOINT("here");
          passed = true;
        });
        close(open(fifo.c_str(), O_RDONLY));  // "I am here"
        const bool was_held = !passed;
        close(open(fifo.c_str(), O_WRONLY));  // "continue"
        held.join();
        ARKSHARE_FAILPOINT("here");  // spent: does not block
        unlink(fifo.c_str());
        EndWith(was_held && passed);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(FailpointDeathTest, MistakesAreNotOverlooked) {
  for (const char* settings : {"here", "here=", "here=explode", "here=pause", "here=pause:"}) {
    EXPECT_EXIT(
        {
          Set(settings);
          ARKSHARE_FAILPOINT("elsewhere");
          EndWith(true);
        },
        ::testing::KilledBySignal(SIGABRT), "failpoint error=");
  }
  EXPECT_EXIT(
      {
        Set("here=pause:/no/such/fifo");
        ARKSHARE_FAILPOINT("here");
        EndWith(true);
      },
      ::testing::KilledBySignal(SIGABRT), "cannot open the FIFO");
}

#else

TEST(FailpointTest, CompiledInFailpoints) {
  setenv("ARKSHARE_FAILPOINTS", "here=kill", 1);
  ARKSHARE_FAILPOINT("here");
  EXPECT_FALSE(ARKSHARE_FAILPOINT_ERROR("here")) << "failpoints must do nothing in this build";
  GTEST_SKIP() << "built without ARKSHARE_FAILPOINTS";
}

#endif

}  // namespace
}  // namespace arkshare
