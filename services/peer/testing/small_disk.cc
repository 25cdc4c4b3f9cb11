#include "services/peer/testing/small_disk.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

// In a mount namespace of its own, nothing stays mounted when this process dies.
absl::Status EnterOwnNamespace() {
  static const bool own_namespace =
      ::unshare(CLONE_NEWNS) == 0 &&
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  if (own_namespace) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("needs a small disk, which only root can mount: ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SmallDisk>> SmallDisk::MountWithWholeSeconds() {
  if (absl::Status s = EnterOwnNamespace(); !s.ok()) return s;
  const TempFolder image_folder;  // the mount keeps the deleted image
  const std::string image = image_folder / "image";
  auto disk = std::unique_ptr<SmallDisk>(new SmallDisk(MakeTempFolder()));
  const std::string command =
      absl::StrCat("truncate -s 16M ", image, " && mkfs.ext4 -q -I 128 ", image,
                   " 2>/dev/null && mount -o loop ", image, " ", disk->path_, " 2>/dev/null");
  if (std::system(command.c_str()) != 0) {
    return absl::UnavailableError("needs mkfs.ext4 and a loop device for a disk with coarse times");
  }
  return disk;
}

absl::StatusOr<std::unique_ptr<SmallDisk>> SmallDisk::Mount(uint64_t bytes) {
  if (absl::Status s = EnterOwnNamespace(); !s.ok()) return s;
  auto disk = std::unique_ptr<SmallDisk>(new SmallDisk(MakeTempFolder()));
  const std::string options = absl::StrCat("size=", bytes);
  if (::mount("tmpfs", disk->path_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    return absl::UnavailableError(
        absl::StrCat("needs a small tmpfs, which cannot be mounted: ", std::strerror(errno)));
  }
  return disk;
}

SmallDisk::~SmallDisk() {
  ::umount2(path_.c_str(), MNT_DETACH);
  ::rmdir(path_.c_str());
}

void SmallDisk::Fill() {
  // A dot-file, which no peer lists.
  const int fd =
      ::open((path_ + "/.ballast").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) DieOfErrno(path_);
  const std::string block(4096, 'x');
  while (::write(fd, block.data(), block.size()) > 0) {
  }
  if (errno != ENOSPC) DieOfErrno(path_);
  ::close(fd);
}

void SmallDisk::MakeRoom() {
  if (::unlink((path_ + "/.ballast").c_str()) != 0) DieOfErrno(path_);
}

}  // namespace arkshare
