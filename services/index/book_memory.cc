#include "services/index/book_memory.h"

#include <absl/strings/numbers.h>
#include <absl/strings/strip.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <system_error>

namespace arkshare {
namespace {

constexpr uint64_t kLeast = uint64_t{64} << 20;
constexpr char kControlGroups[] = "/sys/fs/cgroup";

uint64_t MachineMemory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_size = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_size <= 0) return kLeast;
  return static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_size);
}

// Returns the path of this process's group; "/" in a container, which sees its own group as root.
std::filesystem::path GroupOfProcess() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    absl::string_view path = line;
    if (absl::ConsumePrefix(&path, "0::/")) return std::filesystem::path(std::string(path));
  }
  return {};
}

// Returns the least limit of the group and of those that it is in.
uint64_t GroupMemory() {
  uint64_t least = std::numeric_limits<uint64_t>::max();
  for (std::filesystem::path group = GroupOfProcess();; group = group.parent_path()) {
    std::ifstream file(std::filesystem::path(kControlGroups) / group / "memory.max");
    std::string text;
    uint64_t limit = 0;
    if (std::getline(file, text) && absl::SimpleAtoi(text, &limit)) least = std::min(least, limit);
    if (group.empty()) return least;
  }
}

}  // namespace

uint64_t DefaultBookMemory() {
  return std::max(kLeast, std::min(MachineMemory(), GroupMemory()) / 2);
}

}  // namespace arkshare
