#include "lib/rpc/memory_guard.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <thread>
#include <vector>

#include "lib/core/exit_code.h"
#include "lib/rpc/process.h"

namespace arkshare {
namespace {

// An attack was seen to add a gigabyte in some seconds.
constexpr absl::Duration kLookEvery = absl::Milliseconds(100);
constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The number in the first line; kUnlimited for anything else, such as "max".
uint64_t LimitIn(const std::string& path) {
  uint64_t limit = 0;
  return absl::SimpleAtoi(Contents(path), &limit) ? limit : kUnlimited;
}

// The least limit of a control group and of those above it.
uint64_t GroupLimit(const std::string& mount, std::string group, absl::string_view file) {
  uint64_t least = kUnlimited;
  while (true) {
    least = std::min(least, LimitIn(absl::StrCat(mount, group, "/", file)));
    if (group.empty()) return least;
    group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

uint64_t TotalMemory(const std::string& root) {
  for (absl::string_view line : absl::StrSplit(Contents(root + "/proc/meminfo"), '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    uint64_t kib = 0;
    if (words.size() > 1 && words[0] == "MemTotal:" && absl::SimpleAtoi(words[1], &kib)) {
      return kib * 1024;
    }
  }
  return kUnlimited;
}

void Guard(uint64_t limit) {
  while (true) {
    const std::optional<uint64_t> own = OwnMemory();
    if (!own) return;
    if (*own > limit) {
      SayWithoutWaiting(absl::StrCat(
          "this program ends because it uses ", *own, " bytes of memory, and may use ", limit,
          "; nothing is lost; start it again, and raise --memory-limit if it needs more\n"));
      _exit(kExitMemory);
    }
    absl::SleepFor(kLookEvery);
  }
}

}  // namespace

uint64_t MemoryOfMachine(const std::string& root) {
  uint64_t least = TotalMemory(root);
  const std::string mount = root + "/sys/fs/cgroup";
  // hierarchy:controllers:path, see cgroups(7).
  for (absl::string_view line : absl::StrSplit(Contents(root + "/proc/self/cgroup"), '\n')) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::string group = parts[2] == "/" ? "" : parts[2];
    if (parts[1].empty()) {
      least = std::min(least, GroupLimit(mount, group, "memory.max"));
    } else if (absl::StrContains(absl::StrCat(",", parts[1], ","), ",memory,")) {
      least = std::min(least, GroupLimit(mount + "/memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

std::optional<uint64_t> OwnMemory() {
  // Pages: size, resident, those of files or shared; see proc(5).
  const std::vector<std::string> words = absl::StrSplit(Contents("/proc/self/statm"), ' ');
  uint64_t resident = 0, shared = 0;
  if (words.size() < 3 || !absl::SimpleAtoi(words[1], &resident) ||
      !absl::SimpleAtoi(words[2], &shared)) {
    return std::nullopt;
  }
  return (resident - std::min(resident, shared)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void GuardMemory(uint64_t limit) {
  if (limit == 0) limit = MemoryOfMachine() / 4 * 3;
  std::thread([limit] { Guard(limit); }).detach();
}

}  // namespace arkshare
