#include "services/peer/disk/rename_new.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "lib/core/bytes.h"
#include "services/peer/disk/beneath.h"
#include "services/peer/disk/file_io.h"
#include "services/peer/disk/unique_fd.h"

namespace arkshare {
namespace {

std::atomic<RenameWays> rename_ways{RenameWays::kAll};

struct TwoNames {
  int from_dir;
  const std::string& from;
  int to_dir;
  const std::string& to;
};

// The content of the file that keeps the name `to` until the file `from` replaces it.
std::string PlaceholderText(const TwoNames& names) {
  return absl::StrCat("arkshare keeps this name for ", names.from, "\n");
}

bool IsSameFile(const TwoNames& names) {
  struct stat from, to;
  return ::fstatat(names.from_dir, names.from.c_str(), &from, AT_SYMLINK_NOFOLLOW) == 0 &&
         ::fstatat(names.to_dir, names.to.c_str(), &to, AT_SYMLINK_NOFOLLOW) == 0 &&
         from.st_dev == to.st_dev && from.st_ino == to.st_ino;
}

bool IsPlaceholder(const TwoNames& names) {
  const std::string text = PlaceholderText(names);
  UniqueFd fd(
      ::openat(names.to_dir, names.to.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat st;
  if (!fd.valid() || ::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode) ||
      st.st_size != static_cast<off_t>(text.size())) {
    return false;
  }
  std::string found(text.size(), '\0');
  return ReadFully(fd.get(), 0, reinterpret_cast<uint8_t*>(found.data()), found.size()).ok() &&
         found == text;
}

// These four return 0 or an errno.

int RenameNoReplace(const TwoNames& names) {
  if (rename_ways != RenameWays::kAll) return EINVAL;
  return ::renameat2(names.from_dir, names.from.c_str(), names.to_dir, names.to.c_str(),
                     RENAME_NOREPLACE) == 0
             ? 0
             : errno;
}

int UnlinkFrom(const TwoNames& names) {
  return ::unlinkat(names.from_dir, names.from.c_str(), 0) == 0 ? 0 : errno;
}

int LinkAndUnlink(const TwoNames& names) {
  if (rename_ways == RenameWays::kWithoutLinks) return EPERM;
  if (::linkat(names.from_dir, names.from.c_str(), names.to_dir, names.to.c_str(), 0) != 0) {
    return errno;
  }
  const int failed = UnlinkFrom(names);
  if (failed != 0) {
    // A file with two names is never moved, so the call leaves everything as it was.
    ::unlinkat(names.to_dir, names.to.c_str(), 0);
    return failed;
  }
  // FUSE remembers for a second that the file had two names, and such a file is only lent.
  struct statx fresh;
  ::statx(names.to_dir, names.to.c_str(), AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC, STATX_NLINK,
          &fresh);
  return 0;
}

int RenameOverPlaceholder(const TwoNames& names) {
  if (!IsPlaceholder(names)) {
    UniqueFd fd(::openat(names.to_dir, names.to.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid()) return errno;
    const std::string text = PlaceholderText(names);
    if (!WriteFully(fd.get(), 0, AsBytes(text).data(), text.size()).ok()) {
      ::unlinkat(names.to_dir, names.to.c_str(), 0);
      return ENOSPC;
    }
  }
  // Another program may have written to the new file meanwhile; then the file is its own.
  if (!IsPlaceholder(names)) return EEXIST;
  if (::renameat(names.from_dir, names.from.c_str(), names.to_dir, names.to.c_str()) == 0) return 0;
  const int failed = errno;
  if (IsPlaceholder(names)) ::unlinkat(names.to_dir, names.to.c_str(), 0);
  return failed;
}

bool LacksTheCall(int error) {
  return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == ENOTTY;
}

int TryAll(const TwoNames& names) {
  int failed = RenameNoReplace(names);
  if (LacksTheCall(failed)) {
    failed = LinkAndUnlink(names);
    if (LacksTheCall(failed) || failed == EPERM || failed == EMLINK || failed == EXDEV) {
      failed = RenameOverPlaceholder(names);
    }
  }
  if (failed != EEXIST) return failed;
  if (IsSameFile(names)) return UnlinkFrom(names);
  return IsPlaceholder(names) ? RenameOverPlaceholder(names) : EEXIST;
}

}  // namespace

absl::Status RenameNew(int from_dir, const std::string& from, int to_dir, const std::string& to) {
  const int failed = TryAll({from_dir, from, to_dir, to});
  return failed == 0 ? absl::OkStatus() : ErrnoStatus(failed, to);
}

void SetRenameWaysForTest(RenameWays ways) { rename_ways = ways; }

}  // namespace arkshare
