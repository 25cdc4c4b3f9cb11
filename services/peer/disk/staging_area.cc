#include "services/peer/disk/staging_area.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <string>

#include "services/peer/disk/beneath.h"

namespace arkshare {
namespace {

constexpr size_t kCopyBuffer = 1024 * 1024;
// A copy can be ended between two syncs, but not during one, so each has little to write.
constexpr uint64_t kSyncEvery = 64 * 1024 * 1024;

// Reserves the blocks of a file. Returns false and sets errno when the disk has no room.
bool MakeRoom(int fd, uint64_t size) {
  struct statfs disk;
  struct stat file;
  if (size == 0) return true;
  if (::fstatfs(fd, &disk) != 0 || ::fstat(fd, &file) != 0) return false;
  if (disk.f_type == TMPFS_MAGIC) {
    // The blocks are memory here, and allocating them takes longer than writing them.
    const uint64_t here = static_cast<uint64_t>(file.st_blocks) * 512;
    const uint64_t free = disk.f_bavail * static_cast<uint64_t>(disk.f_bsize);
    errno = ENOSPC;
    return here + free >= size;
  }
  // Not posix_fallocate: on a file system that cannot allocate, it writes every block.
  return ::fallocate(fd, 0, 0, static_cast<off_t>(size)) == 0 || errno == EOPNOTSUPP;
}

}  // namespace

absl::StatusOr<TransferId> TransferIdFromHex(absl::string_view hex) {
  absl::StatusOr<std::string> bytes = FromHex(hex);
  if (!bytes.ok()) return bytes.status();
  return TransferId::FromBytes(*bytes);
}

absl::StatusOr<UniqueFd> StagingArea::OpenFile(const TransferId& id, uint64_t size,
                                               int truncate) const {
  const std::string name = id.hex();
  UniqueFd fd(::openat(folder_.get(), name.c_str(),
                       O_RDWR | O_CREAT | truncate | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!fd.valid()) return ErrnoStatus(errno, name);
  if (MakeRoom(fd.get(), size)) return fd;
  absl::Status status = ErrnoStatus(errno, name);
  if (truncate != 0) ::unlinkat(folder_.get(), name.c_str(), 0);
  return status;
}

absl::StatusOr<UniqueFd> StagingArea::Create(const TransferId& id, uint64_t size) const {
  return OpenFile(id, size, O_TRUNC);
}

absl::StatusOr<UniqueFd> StagingArea::Reopen(const TransferId& id, uint64_t size) const {
  return OpenFile(id, size, 0);
}

void StagingArea::SyncBytes(absl::Span<const int> fds) const {
  // Starts writing all of them first, so that the fsyncs below do not wait for one file each.
  if (fds.size() > 1) {
    for (int fd : fds) ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  for (int fd : fds) SyncOrDie(fd, "staged book");
}

absl::Status StagingArea::Remove(const TransferId& id) const {
  if (::unlinkat(folder_.get(), id.hex().c_str(), 0) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, id.hex());
  }
  return absl::OkStatus();
}

absl::StatusOr<FileStat> StagingArea::Stat(const TransferId& id) const {
  return StatAt(folder_.get(), id.hex());
}

std::vector<TransferId> StagingArea::List() const {
  std::vector<TransferId> ids;
  for (const std::string& name : ListNames(folder_.get())) {
    if (absl::StatusOr<TransferId> id = TransferIdFromHex(name); id.ok()) ids.push_back(*id);
  }
  return ids;
}

absl::StatusOr<absl::Time> StagingArea::ChangedAt(const TransferId& id) const {
  struct stat st;
  if (::fstatat(folder_.get(), id.hex().c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoStatus(errno, id.hex());
  }
  return absl::TimeFromTimespec(st.st_ctim);
}

void StagingArea::RemoveOthers(absl::FunctionRef<bool(const TransferId&)> keep) const {
  for (const std::string& name : ListNames(folder_.get())) {
    const absl::StatusOr<TransferId> id = TransferIdFromHex(name);
    if (!id.ok() || !keep(*id)) ::unlinkat(folder_.get(), name.c_str(), 0);
  }
}

absl::StatusOr<FileStat> StagingArea::Copy(int from_fd, const TransferId& id, GoOn go_on) const {
  absl::StatusOr<FileStat> from = StatFd(from_fd);
  if (!from.ok()) return from.status();
  absl::StatusOr<UniqueFd> to = Create(id, 0);
  if (!to.ok()) return to.status();
  if (absl::Status s = CopyBytes(from_fd, to->get(), go_on); !s.ok()) {
    Remove(id).IgnoreError();
    return s;
  }
  SyncBytes({to->get()});
  return StatFd(to->get());
}

absl::Status StagingArea::CopyBytes(int from_fd, int to_fd, GoOn go_on) const {
  const auto ended = [] { return absl::CancelledError("the copy was ended"); };
  if (!go_on(0)) return ended();
  if (::ioctl(to_fd, FICLONE, from_fd) == 0) {
    const absl::StatusOr<FileStat> stat = StatFd(to_fd);
    return go_on(stat.ok() ? stat->identity.size : 0) ? absl::OkStatus() : ended();
  }
  std::vector<uint8_t> buffer(kCopyBuffer);
  uint64_t synced = 0;
  for (uint64_t offset = 0;;) {
    const ssize_t n = ::pread(from_fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read");
    if (n == 0) return absl::OkStatus();
    absl::Status written = WriteFully(to_fd, offset, buffer.data(), static_cast<size_t>(n));
    if (!written.ok()) return written;
    offset += static_cast<uint64_t>(n);
    if (!go_on(offset)) return ended();
    if (offset - synced >= kSyncEvery) {
      SyncBytes({to_fd});
      synced = offset;
    }
  }
}

}  // namespace arkshare
