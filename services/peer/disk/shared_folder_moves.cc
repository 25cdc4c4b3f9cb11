// What is on its way: books that are being received, and those that are being given away.
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <set>

#include "services/peer/disk/beneath.h"
#include "services/peer/disk/shared_folder.h"

namespace arkshare {
namespace {

std::string HiddenName(const SharedFolder::HiddenFile& hidden) {
  return absl::StrCat(hidden.transfer_id.hex(), "-", hidden.listing);
}

absl::StatusOr<TransferId> TransferIdFromHex(absl::string_view hex) {
  absl::StatusOr<std::string> bytes = FromHex(hex);
  if (!bytes.ok()) return bytes.status();
  return TransferId::FromBytes(*bytes);
}

// False, and errno, when the disk has none.
bool MakeRoom(int fd, uint64_t size) {
  struct statfs disk;
  struct stat file;
  if (size == 0) return true;
  if (::fstatfs(fd, &disk) != 0 || ::fstat(fd, &file) != 0) return false;
  if (disk.f_type == TMPFS_MAGIC) {
    // Where the blocks are memory, allocating takes longer than writing.
    const uint64_t here = static_cast<uint64_t>(file.st_blocks) * 512;
    const uint64_t free = disk.f_bavail * static_cast<uint64_t>(disk.f_bsize);
    errno = ENOSPC;
    return here + free >= size;
  }
  // Not posix_fallocate: where the file system cannot, it would write every block.
  return ::fallocate(fd, 0, 0, static_cast<off_t>(size)) == 0 || errno == EOPNOTSUPP;
}

}  // namespace

// --- Receiving ---

absl::StatusOr<UniqueFd> SharedFolder::OpenStaging(const TransferId& id, uint64_t size,
                                                   int truncate) const {
  const std::string name = id.hex();
  UniqueFd fd(::openat(staging_.get(), name.c_str(),
                       O_RDWR | O_CREAT | truncate | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!fd.valid()) return ErrnoStatus(errno, name);
  if (MakeRoom(fd.get(), size)) return fd;
  absl::Status status = ErrnoStatus(errno, name);
  if (truncate != 0) ::unlinkat(staging_.get(), name.c_str(), 0);
  return status;
}

absl::StatusOr<UniqueFd> SharedFolder::CreateStaging(const TransferId& id, uint64_t size) const {
  return OpenStaging(id, size, O_TRUNC);
}

absl::StatusOr<UniqueFd> SharedFolder::ReopenStaging(const TransferId& id, uint64_t size) const {
  return OpenStaging(id, size, 0);
}

void SharedFolder::SyncStaging(absl::Span<const int> fds) const {
  // The disk takes all of them at once; one fsync after the other would wait for each on its own.
  if (fds.size() > 1) {
    for (int fd : fds) ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  for (int fd : fds) SyncOrDie(fd, "staged book");
  SyncOrDie(staging_.get(), "staging");
}

absl::Status SharedFolder::RemoveStaging(const TransferId& id) const {
  if (::unlinkat(staging_.get(), id.hex().c_str(), 0) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, id.hex());
  }
  return absl::OkStatus();
}

absl::StatusOr<FileStat> SharedFolder::StatStaging(const TransferId& id) const {
  return StatAt(staging_.get(), id.hex());
}

std::vector<TransferId> SharedFolder::ListStaging() const {
  std::vector<TransferId> ids;
  for (const std::string& name : ListNames(staging_.get())) {
    if (absl::StatusOr<TransferId> id = TransferIdFromHex(name); id.ok()) ids.push_back(*id);
  }
  return ids;
}

absl::Status SharedFolder::RenameInto(int from_dir, const std::string& from,
                                      const std::string& path) const {
  absl::StatusOr<Place> place = OpenParent(path, /*create=*/true);
  if (!place.ok()) return place.status();
  if (::renameat2(from_dir, from.c_str(), place->folder.get(), place->leaf.c_str(),
                  RENAME_NOREPLACE) != 0) {
    return ErrnoStatus(errno, path);
  }
  return absl::OkStatus();
}

void SharedFolder::SyncFoldersOf(absl::Span<const std::string> paths) const {
  std::set<absl::string_view> parents;
  for (absl::string_view path : paths) {
    const size_t slash = path.rfind('/');
    parents.insert(slash == absl::string_view::npos ? "" : path.substr(0, slash));
  }
  for (absl::string_view parent : parents) {
    // A folder that is gone took its entries with it.
    absl::StatusOr<UniqueFd> fd = OpenFolder(std::string(parent));
    if (fd.ok()) SyncOrDie(fd->get(), "folder");
  }
}

void SharedFolder::SyncAdmitted(absl::Span<const std::string> paths) const {
  SyncFoldersOf(paths);
  SyncOrDie(staging_.get(), "staging");
}

absl::Status SharedFolder::Admit(const TransferId& id, const std::string& path) const {
  // Told apart from a missing folder on the way, which RenameInto makes.
  if (absl::StatusOr<FileStat> staged = StatStaging(id); !staged.ok()) return staged.status();
  return RenameInto(staging_.get(), id.hex(), path);
}

absl::StatusOr<FileStat> SharedFolder::StageCopy(int from_fd, const TransferId& id) const {
  absl::StatusOr<FileStat> from = StatFd(from_fd);
  if (!from.ok()) return from.status();
  absl::StatusOr<UniqueFd> to = CreateStaging(id, 0);
  if (!to.ok()) return to.status();
  if (::ioctl(to->get(), FICLONE, from_fd) != 0) {
    std::vector<uint8_t> buffer(1024 * 1024);
    uint64_t offset = 0;
    while (true) {
      const ssize_t n = ::pread(from_fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      absl::Status status = n < 0 ? ErrnoStatus(errno, "read") : absl::OkStatus();
      if (status.ok() && n > 0) {
        status = WriteFully(to->get(), offset, buffer.data(), static_cast<size_t>(n));
      }
      if (!status.ok()) {
        RemoveStaging(id).IgnoreError();
        return status;
      }
      if (n == 0) break;
      offset += static_cast<uint64_t>(n);
    }
  }
  SyncStaging({to->get()});
  return StatFd(to->get());
}

// --- Giving away ---

absl::StatusOr<FileStat> SharedFolder::Hide(const std::string& path,
                                            const HiddenFile& hidden) const {
  absl::StatusOr<Place> place = OpenParent(path, /*create=*/false);
  if (!place.ok()) return place.status();
  const std::string name = HiddenName(hidden);
  if (::renameat2(place->folder.get(), place->leaf.c_str(), released_.get(), name.c_str(),
                  RENAME_NOREPLACE) != 0) {
    return ErrnoStatus(errno, path);
  }
  return StatAt(released_.get(), name);
}

void SharedFolder::SyncHidden(absl::Span<const std::string> paths) const {
  SyncOrDie(released_.get(), "released");
  SyncFoldersOf(paths);
}

absl::Status SharedFolder::Unhide(const HiddenFile& hidden, const std::string& path) const {
  if (absl::Status s = RenameInto(released_.get(), HiddenName(hidden), path); !s.ok()) return s;
  SyncFoldersOf({path});
  SyncOrDie(released_.get(), "released");
  return absl::OkStatus();
}

absl::Status SharedFolder::RemoveHidden(absl::Span<const HiddenFile> hidden) const {
  for (const HiddenFile& file : hidden) {
    if (::unlinkat(released_.get(), HiddenName(file).c_str(), 0) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, HiddenName(file));
    }
  }
  SyncOrDie(released_.get(), "released");
  return absl::OkStatus();
}

absl::StatusOr<FileStat> SharedFolder::StatHidden(const HiddenFile& hidden) const {
  return StatAt(released_.get(), HiddenName(hidden));
}

std::vector<SharedFolder::HiddenFile> SharedFolder::ListHidden() const {
  std::vector<HiddenFile> out;
  for (const std::string& name : ListNames(released_.get())) {
    const std::vector<std::string> parts = absl::StrSplit(name, '-');
    HiddenFile hidden;
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &hidden.listing)) continue;
    absl::StatusOr<TransferId> id = TransferIdFromHex(parts[0]);
    if (!id.ok()) continue;
    hidden.transfer_id = *id;
    out.push_back(hidden);
  }
  return out;
}

}  // namespace arkshare
