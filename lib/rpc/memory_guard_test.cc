#include "lib/rpc/memory_guard.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "lib/core/exit_code.h"

namespace arkshare {
namespace {

// A root folder with files of /proc and /sys.
class MemoryOfMachineTest : public testing::Test {
 protected:
  MemoryOfMachineTest() {
    std::string pattern = testing::TempDir() + "/memXXXXXX";
    root_ = mkdtemp(pattern.data());
    Write("/proc/meminfo", "MemTotal:        8000 kB\nMemFree:         10 kB\n");
  }
  ~MemoryOfMachineTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }

  std::string root_;
};

TEST_F(MemoryOfMachineTest, WithoutControlGroupsItIsThatOfTheMachine) {
  EXPECT_EQ(MemoryOfMachine(root_), 8000U * 1024);
}

TEST_F(MemoryOfMachineTest, TheLeastLimitOfAllGroupsAboveCounts) {
  Write("/proc/self/cgroup", "0::/system.slice/index.service\n");
  Write("/sys/fs/cgroup/system.slice/index.service/memory.max", "max\n");
  EXPECT_EQ(MemoryOfMachine(root_), 8000U * 1024);
  Write("/sys/fs/cgroup/system.slice/memory.max", "4096000\n");
  EXPECT_EQ(MemoryOfMachine(root_), 4'096'000U);
  Write("/sys/fs/cgroup/system.slice/index.service/memory.max", "2048000\n");
  EXPECT_EQ(MemoryOfMachine(root_), 2'048'000U);
}

TEST_F(MemoryOfMachineTest, AContainerSeesItsLimitAtTheTop) {
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/memory.max", "734003200\n");
  EXPECT_EQ(MemoryOfMachine(root_), 8000U * 1024) << "the machine has less";
  Write("/sys/fs/cgroup/memory.max", "1048576\n");
  EXPECT_EQ(MemoryOfMachine(root_), 1'048'576U);
}

TEST_F(MemoryOfMachineTest, TheFirstVersionOfControlGroups) {
  Write("/proc/self/cgroup", "5:cpu,memory:/docker/x\n4:pids:/docker/x\n");
  Write("/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "3000000\n");
  EXPECT_EQ(MemoryOfMachine(root_), 3'000'000U);
}

TEST(MemoryGuardTest, CountsWhatWasWritten) {
  constexpr size_t kBytes = 64 << 20;
  const uint64_t before = OwnMemory().value();
  const std::vector<char> much(kBytes, 'x');
  EXPECT_GE(OwnMemory().value() + (kBytes >> 2), before + kBytes);
  EXPECT_EQ(much.back(), 'x');
}

TEST(MemoryGuardDeathTest, EndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        GuardMemory(1);
        while (true) pause();
      },
      testing::ExitedWithCode(kExitMemory), "bytes of memory.*--memory-limit");
}

}  // namespace
}  // namespace arkshare
