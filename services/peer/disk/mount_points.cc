#include "services/peer/disk/mount_points.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <mntent.h>

#include <cstdio>
#include <set>

namespace arkshare {
namespace {

std::set<std::string> FoldersIn(const char* table) {
  std::set<std::string> folders;
  FILE* file = ::setmntent(table, "re");
  if (file == nullptr) return folders;
  mntent entry;
  char buffer[8192];
  while (::getmntent_r(file, &entry, buffer, sizeof buffer) != nullptr) {
    folders.insert(entry.mnt_dir);
  }
  ::endmntent(file);
  return folders;
}

}  // namespace

std::string UnmountedMountPoint(const std::string& path, const char* fstab, const char* mounts) {
  const std::set<std::string> mounted = FoldersIn(mounts);
  // Swap and the like have "none" or "swap" for a folder.
  for (const std::string& folder : FoldersIn(fstab)) {
    const bool above = path == folder || absl::StartsWith(path, absl::StrCat(folder, "/"));
    if (above && !mounted.contains(folder)) return folder;
  }
  return "";
}

}  // namespace arkshare
