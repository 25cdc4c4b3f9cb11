#include "lib/files/atomic_file.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace arkshare {
namespace {

absl::Status SystemError(absl::string_view what, const std::string& path) {
  return absl::InternalError(absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(errno)));
}

absl::Status WriteDurably(int fd, absl::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError("write", path);
    text.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(fd) == 0 ? absl::OkStatus() : SystemError("sync", path);
}

}  // namespace

absl::Status WriteFileAtomically(const std::string& path, absl::string_view text, mode_t mode) {
  const std::string temporary = absl::StrCat(path, ".new");
  // A file of a crash before this, or a link that another user has put there, is not written to.
  unlink(temporary.c_str());
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError("make", temporary);
  absl::Status written =
      fchmod(fd, mode) == 0 ? WriteDurably(fd, text, temporary) : SystemError("make", temporary);
  close(fd);
  if (written.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    written = SystemError("replace", path);
  }
  if (!written.ok()) {
    unlink(temporary.c_str());
    return written;
  }
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  const int folder_fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd < 0) return SystemError("open", folder);
  const bool synced = fsync(folder_fd) == 0;
  close(folder_fd);
  return synced ? absl::OkStatus() : SystemError("sync", folder);
}

}  // namespace arkshare
