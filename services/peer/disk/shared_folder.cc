#include "services/peer/disk/shared_folder.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdlib>
#include <set>

#include "lib/core/log.h"
#include "services/peer/disk/beneath.h"
#include "services/peer/disk/mount_points.h"
#include "services/peer/disk/rename_new.h"

namespace arkshare {
namespace {

constexpr char kStateFolder[] = ".arkshare";
constexpr uint64_t kReserveBytes = 1024 * 1024;
constexpr size_t kSeedBytes = 32;

bool IsNetworkFileSystem(int fd) {
  struct statfs fs;
  if (::fstatfs(fd, &fs) != 0) return false;
  switch (static_cast<uint32_t>(fs.f_type)) {
    case 0x6969:      // NFS
    case 0x517B:      // SMB
    case 0xFF534D42:  // CIFS
    case 0xFE534D42:  // SMB2
    case 0x5346414F:  // AFS
    case 0x00C36400:  // Ceph
    case 0x01021997:  // 9P
      return true;
    default:
      return false;
  }
}

// The end of the messages of CheckInPlace.
constexpr char kNothingChanges[] =
    ". Until it is back, no listing ends and no book is received: put it back, or stop this peer "
    "and start it again";

bool IsSame(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

std::string HiddenName(const SharedFolder::HiddenFile& hidden) {
  return absl::StrCat(hidden.transfer_id.hex(), "-", hidden.listing);
}

// A folder without .arkshare begins a new peer. When its disk is not mounted, that is not what the
// owner wants.
absl::Status CheckNewFolder(int root, const std::string& path) {
  struct stat st;
  if (::fstatat(root, kStateFolder, &st, AT_SYMLINK_NOFOLLOW) == 0) return absl::OkStatus();
  if (const std::string mount_point = UnmountedMountPoint(path); !mount_point.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the shared folder ", path, " is on ", mount_point,
                     ", where /etc/fstab mounts a disk, and nothing is mounted there now; mount it "
                     "and start again"));
  }
  LogInfo("new_shared_folder",
          {{"folder", path},
           {"hint",
            "it has no .arkshare, so this is a new peer with a new key; if its disk is not "
            "mounted, stop this peer, mount the disk and start again"}});
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> MakeFolder(int dir, const char* name) {
  if (::mkdirat(dir, name, 0700) != 0 && errno != EEXIST) return ErrnoStatus(errno, name);
  UniqueFd fd(::openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, name);
  return fd;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SharedFolder>> SharedFolder::Open(const std::string& path) {
  auto folder = std::unique_ptr<SharedFolder>(new SharedFolder());
  char* real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) {
    absl::Status status = ErrnoStatus(errno, path);
    return absl::Status(status.code(), absl::StrCat("the shared folder ", path,
                                                    " cannot be used: ", status.message(),
                                                    "; create it or give another with --share"));
  }
  folder->path_ = real;
  std::free(real);
  folder->root_ = UniqueFd(::open(folder->path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder->root_.valid()) {
    absl::Status status = ErrnoStatus(errno, path);
    return absl::Status(status.code(), absl::StrCat("the shared folder ", path,
                                                    " cannot be read: ", status.message(),
                                                    "; it must be a folder that you may read"));
  }
  if (IsNetworkFileSystem(folder->root_.get())) {
    return absl::FailedPreconditionError(
        absl::StrCat("the shared folder ", path,
                     " is on a network file system, which cannot promise that a book that was "
                     "written is kept; give a folder on a local disk with --share"));
  }
  struct stat st;
  if (::fstat(folder->root_.get(), &st) != 0) return ErrnoStatus(errno, path);
  folder->device_ = st.st_dev;

  if (absl::Status s = CheckNewFolder(folder->root_.get(), folder->path_); !s.ok()) return s;
  absl::StatusOr<UniqueFd> state = MakeFolder(folder->root_.get(), kStateFolder);
  if (!state.ok()) {
    return absl::Status(state.status().code(),
                        absl::StrCat("cannot keep state in ", path, "/", kStateFolder, ": ",
                                     state.status().message(),
                                     "; the peer must be allowed to write to its shared folder"));
  }
  folder->state_ = *std::move(state);
  folder->state_files_ = StateFiles(folder->state_.get());
  folder->lock_ = UniqueFd(
      ::openat(folder->state_.get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!folder->lock_.valid()) return ErrnoStatus(errno, "lock");
  if (::flock(folder->lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::AlreadyExistsError(absl::StrCat("another peer already shares ", path,
                                                 "; stop it, or give another folder with --share"));
  }
  absl::StatusOr<UniqueFd> staging = MakeFolder(folder->state_.get(), "staging");
  if (!staging.ok()) return staging.status();
  folder->staging_ = StagingArea(*std::move(staging));
  folder->entrance_ = Entrance(folder->root_.get(), folder->device_, folder->staging_.fd());
  absl::StatusOr<UniqueFd> released = MakeFolder(folder->state_.get(), "released");
  if (!released.ok()) return released.status();
  folder->released_ = *std::move(released);
  SyncOrDie(folder->state_.get(), kStateFolder);
  SyncOrDie(folder->root_.get(), "shared folder");
  folder->RestoreReserve();
  folder->traits_ = MeasureFolder(folder->state_.get());
  return folder;
}

std::string SharedFolder::StatePath(absl::string_view file) const {
  return absl::StrCat(path_, "/", kStateFolder, "/", file);
}

absl::Status SharedFolder::CheckInPlace() const {
  struct stat opened, found;
  if (::fstat(root_.get(), &opened) != 0) return ErrnoStatus(errno, path_);
  if (::stat(path_.c_str(), &found) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return absl::OkStatus();  // says nothing about it
    return absl::FailedPreconditionError(
        absl::StrCat("the shared folder ", path_, " is gone: it was deleted, renamed or unmounted",
                     kNothingChanges));
  }
  if (!IsSame(opened, found)) {
    return absl::FailedPreconditionError(absl::StrCat("the shared folder ", path_,
                                                      " was replaced by another one, or unmounted",
                                                      kNothingChanges));
  }
  const bool there = ::fstat(state_.get(), &opened) == 0 &&
                     ::fstatat(root_.get(), kStateFolder, &found, AT_SYMLINK_NOFOLLOW) == 0;
  if (there && IsSame(opened, found)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path_, "/", kStateFolder,
                   " was removed or replaced in the shared folder; it "
                   "holds what this peer has promised",
                   kNothingChanges));
}

absl::StatusOr<PrivateKey> SharedFolder::LoadOrCreateKey() const {
  absl::StatusOr<std::optional<std::string>> seed = state_files_.Read("key");
  const bool damaged = absl::IsInvalidArgument(seed.status());
  if (!seed.ok() && !damaged) return seed.status();
  if (damaged || (seed->has_value() && (*seed)->size() != kSeedBytes)) {
    return absl::DataLossError(absl::StrCat(StatePath("key"), " is not a key of ", kSeedBytes,
                                            " bytes; restore it from a backup, or remove it to "
                                            "begin as a new peer"));
  }
  if (seed->has_value()) return PrivateKey::FromSeed(**seed);
  const PrivateKey key = PrivateKey::Generate();
  if (absl::Status s = state_files_.Write("key", key.seed()); !s.ok()) return s;
  return key;
}

absl::StatusOr<SharedFolder::Place> SharedFolder::OpenParent(const std::string& path,
                                                             bool create) const {
  Place place;
  const size_t slash = path.rfind('/');
  place.leaf = slash == std::string::npos ? path : path.substr(slash + 1);
  if (place.leaf.empty() || place.leaf == "." || place.leaf == ".." ||
      path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no name of something in the folder"));
  }
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  absl::StatusOr<UniqueFd> folder =
      create ? OpenOrMakeFolder(root_.get(), parent) : OpenFolder(parent);
  if (!folder.ok()) return folder.status();
  place.folder = *std::move(folder);
  return place;
}

absl::StatusOr<FileStat> SharedFolder::Trusted(absl::StatusOr<FileStat> stat) const {
  if (stat.ok() && !traits_.ctime_trusted) stat->identity.ctime_ns = 0;
  return stat;
}

absl::StatusOr<FileStat> SharedFolder::Stat(const std::string& path) const {
  absl::StatusOr<Place> place = OpenParent(path, /*create=*/false);
  if (!place.ok()) return place.status();
  struct stat st;
  if (::fstatat(place->folder.get(), place->leaf.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoStatus(errno, path);
  }
  FileStat out = FromStat(st);
  if (st.st_dev != device_) out.kind = FileKind::kOtherFileSystem;
  return Trusted(out);
}

absl::StatusOr<SharedFolder::OpenedFile> SharedFolder::OpenRegular(int folder,
                                                                   const std::string& path) const {
  // O_NONBLOCK: opening a FIFO must not hang.
  absl::StatusOr<UniqueFd> fd = OpenBeneath(folder, path, O_RDONLY | O_NONBLOCK);
  if (!fd.ok()) return fd.status();
  absl::StatusOr<FileStat> stat = Trusted(StatFd(fd->get()));
  if (!stat.ok()) return stat.status();
  if (stat->kind != FileKind::kRegular) return absl::InvalidArgumentError("not a regular file");
  return OpenedFile{*std::move(fd), *stat};
}

absl::StatusOr<SharedFolder::OpenedFile> SharedFolder::OpenFile(const std::string& path) const {
  return OpenRegular(root_.get(), path);
}

absl::StatusOr<UniqueFd> SharedFolder::OpenFolder(const std::string& path) const {
  return OpenBeneath(root_.get(), path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
}

absl::StatusOr<FileMark> SharedFolder::Mark(const std::string& path) const {
  absl::StatusOr<Place> place = OpenParent(path, /*create=*/false);
  if (!place.ok()) return place.status();
  return MarkAt(place->folder.get(), place->leaf);
}

bool SharedFolder::Walk(const std::string& top, const Visitor& visitor) const {
  std::vector<std::string> folders = {top};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    absl::StatusOr<UniqueFd> fd = OpenFolder(folder);
    absl::StatusOr<std::vector<std::string>> names =
        fd.ok() ? ReadNames(fd->get()) : absl::StatusOr<std::vector<std::string>>(fd.status());
    if (!names.ok()) {
      if (!absl::IsNotFound(names.status())) visitor.unreadable(folder, names.status());
      continue;
    }
    for (const std::string& name : *names) {
      const std::string path = folder.empty() ? name : absl::StrCat(folder, "/", name);
      struct stat st;
      if (::fstatat(fd->get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT) visitor.unreadable(path, ErrnoStatus(errno, name));
        continue;
      }
      FileStat stat = *Trusted(FromStat(st));
      if (st.st_dev != device_) stat.kind = FileKind::kOtherFileSystem;
      if (!visitor.entry(path, stat)) return false;
      if (stat.kind == FileKind::kFolder) folders.push_back(path);
    }
  }
  return true;
}

// --- Receiving ---

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

void SharedFolder::SyncStaged(absl::Span<const int> fds,
                              absl::Span<const std::string> paths) const {
  staging_.SyncBytes(fds);
  SyncFoldersOf(paths);
}

// --- Giving away ---

absl::StatusOr<FileStat> SharedFolder::Hide(const std::string& path,
                                            const HiddenFile& hidden) const {
  absl::StatusOr<Place> place = OpenParent(path, /*create=*/false);
  if (!place.ok()) return place.status();
  const std::string name = HiddenName(hidden);
  absl::Status renamed = RenameNew(place->folder.get(), place->leaf, released_.get(), name);
  if (!renamed.ok()) return renamed;
  return Trusted(StatAt(released_.get(), name));
}

void SharedFolder::SyncHidden(absl::Span<const std::string> paths) const {
  SyncOrDie(released_.get(), "released");
  SyncFoldersOf(paths);
}

absl::Status SharedFolder::Unhide(const HiddenFile& hidden, const std::string& path) const {
  absl::StatusOr<Place> place = OpenParent(path, /*create=*/true);
  if (!place.ok()) return place.status();
  absl::Status renamed =
      RenameNew(released_.get(), HiddenName(hidden), place->folder.get(), place->leaf);
  if (!renamed.ok()) return renamed;
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
  return Trusted(StatAt(released_.get(), HiddenName(hidden)));
}

absl::StatusOr<SharedFolder::OpenedFile> SharedFolder::OpenHidden(const HiddenFile& hidden) const {
  return OpenRegular(released_.get(), HiddenName(hidden));
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

// --- The reserve ---

uint64_t SharedFolder::FreeBytes() const {
  struct statvfs disk {};
  if (::fstatvfs(root_.get(), &disk) != 0) return 0;
  return static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
}

bool SharedFolder::FreeReserve() const { return ::unlinkat(state_.get(), "reserve", 0) == 0; }

bool SharedFolder::RestoreReserve() const {
  UniqueFd fd(::openat(state_.get(), "reserve", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  // Keeps an existing reserve, and completes one that a crash left half made.
  if (fd.valid() && ::fallocate(fd.get(), 0, 0, kReserveBytes) == 0) return true;
  FreeReserve();
  return false;
}

}  // namespace arkshare
