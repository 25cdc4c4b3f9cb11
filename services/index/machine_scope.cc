#include "services/index/machine_scope.h"

#include <absl/strings/str_cat.h>

#include <filesystem>
#include <fstream>
#include <system_error>

namespace arkshare {

std::string MachineScope() {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  std::error_code unreadable;
  const std::string network =
      std::filesystem::read_symlink("/proc/self/ns/net", unreadable).string();
  return absl::StrCat("linux ", boot, " ", network);
}

}  // namespace arkshare
