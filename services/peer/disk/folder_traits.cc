#include "services/peer/disk/folder_traits.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include "lib/core/bytes.h"
#include "lib/core/merkle.h"
#include "services/peer/disk/unique_fd.h"

namespace arkshare {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// The grain where it cannot be measured: that of FAT, the coarsest in use.
constexpr int64_t kCoarsest = 2 * kSecond;
constexpr char kProbe[] = "times.probe";

// Overlay passes on the ctime and the inode of the file system below it.
bool KeepsCtime(uint32_t type) {
  switch (type) {
    case 0xEF53:      // ext2, ext3, ext4
    case 0x58465342:  // XFS
    case 0x9123683E:  // Btrfs
    case 0xF2F52010:  // F2FS
    case 0x01021994:  // tmpfs
    case 0x794C7630:  // overlay
    case 0x2FC12FC1:  // ZFS
    case 0xCA451A4E:  // bcachefs
      return true;
    default:
      return false;
  }
}

// Sets a time that every common grain (1 ns to 2 s) cuts off by the grain less 1 ns, and reads it
// back.
int64_t MeasureGrain(int folder) {
  UniqueFd probe(::openat(folder, kProbe, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!probe.valid()) return kCoarsest;
  const timespec wanted = {.tv_sec = 1'000'000'001, .tv_nsec = kSecond - 1};
  const timespec times[2] = {wanted, wanted};
  struct stat st;
  const bool set = ::futimens(probe.get(), times) == 0 && ::fstat(probe.get(), &st) == 0;
  ::unlinkat(folder, kProbe, 0);
  if (!set) return kCoarsest;
  const int64_t seconds = st.st_mtim.tv_sec - wanted.tv_sec;
  if (std::abs(seconds) > 10) return kCoarsest;
  return std::abs(seconds * kSecond + st.st_mtim.tv_nsec - wanted.tv_nsec) + 1;
}

// How often the kernel's clock for file times advances.
int64_t KernelTick() {
  timespec tick;
  if (::clock_getres(CLOCK_REALTIME_COARSE, &tick) != 0) return kSecond / 100;
  return std::max<int64_t>(tick.tv_sec * kSecond + tick.tv_nsec, kSecond / 1000);
}

int64_t Fingerprint(int folder, const struct statfs& fs) {
  struct statx stat;
  if (::statx(folder, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &stat) != 0) return 0;
  std::string place = absl::StrCat(fs.f_type, " ", stat.stx_ino, " ");
  if (stat.stx_mask & STATX_BTIME) {
    absl::StrAppend(&place, stat.stx_btime.tv_sec, ".", stat.stx_btime.tv_nsec);
  } else {
    place.append(reinterpret_cast<const char*>(&fs.f_fsid), sizeof fs.f_fsid);
  }
  const Sha256Digest digest = Sha256(AsBytes(place));
  int64_t out = 0;
  std::memcpy(&out, digest.data(), sizeof out);
  return out;
}

}  // namespace

absl::Duration FolderTraits::UntilSettled(const FileIdentity& identity, absl::Time now) const {
  absl::Duration left = absl::ZeroDuration();
  for (int64_t time : {identity.mtime_ns, identity.ctime_ns}) {
    const absl::Duration age = now - absl::FromUnixNanos(time);
    if (age >= absl::ZeroDuration()) left = std::max(left, grain - age);
  }
  return left;
}

FolderTraits MeasureFolder(int folder) {
  FolderTraits traits;
  traits.grain = absl::Nanoseconds(MeasureGrain(folder) + 2 * KernelTick());
  struct statfs fs;
  if (::fstatfs(folder, &fs) != 0) return traits;
  traits.ctime_trusted = KeepsCtime(static_cast<uint32_t>(fs.f_type));
  traits.place = Fingerprint(folder, fs);
  return traits;
}

}  // namespace arkshare
