#include "services/index/etcd/etcd_version.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>

#include <tuple>
#include <vector>

namespace arkshare {

bool LosesEvents(absl::string_view version) {
  // "3.6.0-rc.1" is judged as 3.6.0.
  const absl::string_view release = version.substr(0, version.find('-'));
  const std::vector<absl::string_view> parts = absl::StrSplit(release, '.');
  int major = 0;
  int minor = 0;
  int patch = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &major) ||
      !absl::SimpleAtoi(parts[1], &minor) || !absl::SimpleAtoi(parts[2], &patch)) {
    return true;
  }
  return std::tuple(major, minor, patch) < std::tuple(3, 5, 22);
}

}  // namespace arkshare
