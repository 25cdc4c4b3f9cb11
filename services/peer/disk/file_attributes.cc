#include "services/peer/disk/file_attributes.h"

#include <absl/time/time.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>

#include "services/peer/disk/beneath.h"

namespace arkshare {
namespace {

const absl::Time kFirstTime = absl::FromUnixSeconds(-2'177'452'800);  // 1901
const absl::Time kLastTime = absl::FromUnixSeconds(13'569'465'600);   // 2400

}  // namespace

std::optional<FileAttributes> AttributesOf(int fd) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return std::nullopt;
  return FileAttributes{absl::TimeFromTimespec(st.st_mtim), st.st_mode & 0777U};
}

absl::Status ApplyAttributes(int fd, const FileAttributes& attributes) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return ErrnoStatus(errno, "fstat");
  // The file was created with 0666 less the umask. Where the umask lets users read, it lets them
  // execute.
  const uint32_t created = st.st_mode & 0666U;
  const uint32_t allowed = created | ((created & 0444U) >> 2U);
  const uint32_t mode = (attributes.permissions & allowed) | 0400U;
  absl::Status status;
  if (::fchmod(fd, mode) != 0) status = ErrnoStatus(errno, "fchmod");
  if (attributes.modified < kFirstTime || attributes.modified > kLastTime) return status;
  struct timespec times[2] = {{0, UTIME_OMIT}, absl::ToTimespec(attributes.modified)};
  if (::futimens(fd, times) != 0) status.Update(ErrnoStatus(errno, "futimens"));
  return status;
}

}  // namespace arkshare
