#include "services/peer/disk/beneath.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "services/peer/disk/file_io.h"

namespace arkshare {
namespace {

std::atomic<bool> openat2_refused{false};

absl::StatusOr<UniqueFd> OpenPartByPart(int folder, const std::string& path, int flags) {
  UniqueFd above;
  int at = folder;
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty() || parts[i] == "..") {
      return absl::InvalidArgumentError(absl::StrCat(path, ": leaves the folder"));
    }
    const bool last = i + 1 == parts.size();
    UniqueFd fd(::openat(at, parts[i].c_str(),
                         (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return ErrnoStatus(errno, path);
    above = std::move(fd);
    at = above.get();
  }
  return above;
}

}  // namespace

absl::StatusOr<UniqueFd> OpenBeneath(int folder, const std::string& path, int flags) {
  // The system would stop reading at the NUL and open another path.
  if (path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("a path with a NUL character");
  }
  if (!openat2_refused.load(std::memory_order_relaxed)) {
    struct open_how how;
    std::memset(&how, 0, sizeof how);
    how.flags = static_cast<uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    const long fd = ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    // EAGAIN: a rename raced with "..", which our paths do not have. EPERM or ENOSYS: the call is
    // refused. EPERM may also be about the file; opening part by part then returns it again.
    if (errno != ENOSYS && errno != EPERM && errno != EAGAIN) return ErrnoStatus(errno, path);
    if (errno == ENOSYS) openat2_refused.store(true, std::memory_order_relaxed);
  }
  return OpenPartByPart(folder, path, flags);
}

absl::StatusOr<UniqueFd> OpenOrMakeFolder(int folder, const std::string& path) {
  const std::string whole = path.empty() ? "." : path;
  absl::StatusOr<UniqueFd> there = OpenBeneath(folder, whole, O_RDONLY | O_DIRECTORY);
  if (!absl::IsNotFound(there.status())) return there;
  if (absl::Status s = MakeFolders(folder, path).status(); !s.ok()) return s;
  return OpenBeneath(folder, whole, O_RDONLY | O_DIRECTORY);
}

absl::StatusOr<std::vector<std::string>> MakeFolders(int folder, const std::string& path) {
  std::vector<std::string> made;
  std::string at;
  for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    absl::StatusOr<UniqueFd> above =
        OpenBeneath(folder, at.empty() ? "." : at, O_RDONLY | O_DIRECTORY);
    if (!above.ok()) return above.status();
    absl::StrAppend(&at, at.empty() ? "" : "/", part);
    if (::mkdirat(above->get(), std::string(part).c_str(), 0777) == 0) {
      SyncOrDie(above->get(), "folder");
      made.push_back(at);
    } else if (errno != EEXIST) {
      return ErrnoStatus(errno, path);
    }
  }
  return made;
}

void DisableOpenat2ForTest(bool disabled) { openat2_refused.store(disabled); }

absl::Status ErrnoStatus(int error, absl::string_view what) {
  const std::string message = absl::StrCat(what, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EEXIST:
    case ENOTEMPTY:
      return absl::AlreadyExistsError(message);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:  // beyond the largest file that the file system or a limit of the process allows
      return absl::ResourceExhaustedError(message);
    case EACCES:
    case EPERM:
    case EROFS:
    case EBUSY:  // renaming a file that something is mounted on
      return absl::PermissionDeniedError(message);
    case ELOOP:
    case EXDEV:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ENXIO:  // opening a socket
      return absl::InvalidArgumentError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace arkshare
