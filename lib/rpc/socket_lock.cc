#include "lib/rpc/socket_lock.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1;

absl::Status SystemError(absl::string_view what, const std::string& path, int error) {
  const std::string message = absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(error));
  if (error == EACCES || error == EPERM || error == EROFS) {
    return absl::PermissionDeniedError(message);
  }
  return absl::InvalidArgumentError(message);
}

absl::Status PrepareFolder(const std::string& folder) {
  std::error_code parents_error;  // Ignored: the mkdir below fails then.
  std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), parents_error);
  if (mkdir(folder.c_str(), 0700) == 0) return absl::OkStatus();
  if (errno != EEXIST) {
    const absl::Status status = SystemError("make the folder", folder, errno);
    return absl::Status(
        status.code(),
        absl::StrCat(status.message(),
                     "; set XDG_RUNTIME_DIR to a folder of your own, or choose another socket with "
                     "--control unix:PATH"));
  }
  struct stat info {};
  if (stat(folder.c_str(), &info) != 0) return SystemError("look at the folder", folder, errno);
  if (!S_ISDIR(info.st_mode)) return SystemError("use as a folder", folder, ENOTDIR);
  if (info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("other users can enter the folder of the control socket, ", folder,
                     ": use a folder of your own and `chmod 700` it"));
  }
  return absl::OkStatus();
}

absl::Status RemoveStaleSocket(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : SystemError("look at", path, errno);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not a socket: remove it or use another path"));
  }
  return unlink(path.c_str()) == 0 ? absl::OkStatus() : SystemError("remove", path, errno);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SocketLock>> SocketLock::Acquire(const std::string& path) {
  if (path.empty() || path.size() > kMaxPathBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the path of a unix socket must be 1 to ",
                                                   kMaxPathBytes, " bytes long, and this one has ",
                                                   path.size(), ": ", path));
  }
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  if (absl::Status status = PrepareFolder(folder); !status.ok()) return status;

  const std::string lock_path = absl::StrCat(path, ".lock");
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return SystemError("open", lock_path, errno);
  std::unique_ptr<SocketLock> lock(new SocketLock(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SystemError("lock", lock_path, errno);
    return absl::AlreadyExistsError(
        absl::StrCat("another server already serves on unix:", path,
                     "; stop it first, or choose another socket with --control unix:PATH"));
  }
  if (absl::Status status = RemoveStaleSocket(path); !status.ok()) return status;
  return lock;
}

// Keeps the lock file: if it were removed, two servers could lock two files of the same name.
SocketLock::~SocketLock() { close(fd_); }

}  // namespace arkshare
