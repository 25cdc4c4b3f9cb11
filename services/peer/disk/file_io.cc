#include "services/peer/disk/file_io.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "lib/core/log.h"
#include "services/peer/disk/beneath.h"

namespace arkshare {

bool SameButCtime(const FileIdentity& a, const FileIdentity& b) {
  return a.inode == b.inode && a.size == b.size && a.mtime_ns == b.mtime_ns;
}

bool IsUnchanged(const FileIdentity& known, const FileIdentity& now) {
  return SameButCtime(known, now) && (known.ctime_ns == 0 || known.ctime_ns == now.ctime_ns);
}

FileStat FromStat(const struct stat& st) {
  FileStat out;
  out.kind = S_ISREG(st.st_mode)   ? FileKind::kRegular
             : S_ISDIR(st.st_mode) ? FileKind::kFolder
             : S_ISLNK(st.st_mode) ? FileKind::kSymlink
                                   : FileKind::kOther;
  out.identity.inode = st.st_ino;
  out.identity.size = static_cast<uint64_t>(st.st_size);
  out.identity.mtime_ns =
      static_cast<int64_t>(st.st_mtim.tv_sec) * 1'000'000'000 + st.st_mtim.tv_nsec;
  out.identity.ctime_ns =
      static_cast<int64_t>(st.st_ctim.tv_sec) * 1'000'000'000 + st.st_ctim.tv_nsec;
  out.links = st.st_nlink;
  return out;
}

absl::StatusOr<FileStat> StatAt(int dir, const std::string& name) {
  struct stat st;
  if (::fstatat(dir, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return ErrnoStatus(errno, name);
  return FromStat(st);
}

absl::StatusOr<FileMark> MarkAt(int dir, const std::string& name) {
  struct statx stx;
  if (::statx(dir, name.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &stx) != 0) {
    return ErrnoStatus(errno, name);
  }
  FileMark mark{.inode = stx.stx_ino};
  if (stx.stx_mask & STATX_BTIME) {
    mark.born_ns = stx.stx_btime.tv_sec * 1'000'000'000 + stx.stx_btime.tv_nsec;
  }
  return mark;
}

absl::StatusOr<std::vector<std::string>> ReadNames(int dir) {
  const int copy = ::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return ErrnoStatus(errno, "open");
  DIR* stream = ::fdopendir(copy);
  if (stream == nullptr) {
    const int error = errno;
    ::close(copy);
    return ErrnoStatus(error, "open");
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(stream);
  if (error != 0) return ErrnoStatus(error, "read");
  return names;
}

std::vector<std::string> ListNames(int dir) {
  absl::StatusOr<std::vector<std::string>> names = ReadNames(dir);
  return names.ok() ? *std::move(names) : std::vector<std::string>();
}

void SyncOrDie(int fd, const char* what) {
  if (::fsync(fd) == 0) return;
  LogCritical("fsync_failed", {{"what", what},
                               {"why", std::strerror(errno)},
                               {"hint", "start this program again; it recovers"}});
  std::_Exit(70);  // EX_SOFTWARE; no destructor may write anything more
}

absl::StatusOr<FileStat> StatFd(int fd) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return ErrnoStatus(errno, "fstat");
  return FromStat(st);
}

absl::Status ReadFully(int fd, uint64_t offset, uint8_t* out, size_t size) {
  while (size > 0) {
    const ssize_t n = ::pread(fd, out, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read");
    if (n == 0) return absl::FailedPreconditionError("the file ended early");
    offset += static_cast<uint64_t>(n);
    out += n;
    size -= static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status WriteFully(int fd, uint64_t offset, const uint8_t* data, size_t size) {
  while (size > 0) {
    const ssize_t n = ::pwrite(fd, data, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write");
    offset += static_cast<uint64_t>(n);
    data += n;
    size -= static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace arkshare
