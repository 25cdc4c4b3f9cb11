#include "services/peer/disk/removal_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace arkshare {
namespace {

constexpr uint64_t kFixed = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND;

bool Look(int folder, const char* name, int flags, struct statx* out) {
  std::memset(out, 0, sizeof *out);
  return ::statx(folder, name, flags | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID,
                 out) == 0;
}

bool SameMount(const struct statx& a, const struct statx& b) {
  if (!(a.stx_mask & b.stx_mask & STATX_MNT_ID)) return true;  // an old kernel does not say
  return a.stx_mnt_id == b.stx_mnt_id;
}

}  // namespace

std::string WhyNotRemovable(int root, int folder, const std::string& name) {
  if (::faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) != 0) {
    if (errno == EROFS) return "the file system is mounted read-only";
    return "this peer may not remove files from its folder";
  }
  struct statx top, above, file;
  if (!Look(root, "", AT_EMPTY_PATH, &top) || !Look(folder, "", AT_EMPTY_PATH, &above)) return "";
  const std::string mounted = "it is on a mount of its own, from which no file can be moved";
  if (!SameMount(top, above)) return mounted;
  if (above.stx_attributes & kFixed) return "its folder is immutable or append-only (lsattr)";
  if (name.empty() || !Look(folder, name.c_str(), 0, &file)) return "";
  if (!SameMount(above, file)) return mounted;
  if (file.stx_attributes & kFixed) return "the file is immutable or append-only (lsattr)";
  const uint32_t self = ::geteuid();
  if ((above.stx_mode & S_ISVTX) != 0 && self != 0 && self != above.stx_uid &&
      self != file.stx_uid) {
    return "its folder has the sticky bit, and the file belongs to another user";
  }
  return "";
}

}  // namespace arkshare
