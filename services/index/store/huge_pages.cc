#include "services/index/store/huge_pages.h"

#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <string>

namespace arkshare {

void UseHugePages(char** argv) {
  constexpr char kVariable[] = "GLIBC_TUNABLES";
  const char* const known = std::getenv(kVariable);
  std::string tunables = known == nullptr ? "" : known;
  // The caller of the program, or the program itself, has set it already.
  if (tunables.find("glibc.malloc.hugetlb") != std::string::npos) return;
  // Not when the user started the dynamic loader with the program as an argument.
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  if (size <= 0) return;
  const std::string program(path, static_cast<size_t>(size));
  if (program.rfind("/ld-") != std::string::npos) return;

  if (!tunables.empty()) tunables += ':';
  tunables += "glibc.malloc.hugetlb=1";
  setenv(kVariable, tunables.c_str(), /*overwrite=*/1);
  execv(program.c_str(), argv);
}

}  // namespace arkshare
