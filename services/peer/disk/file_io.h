// What the system does with files, with our errors: NotFound, AlreadyExists, ResourceExhausted
// (disk full), PermissionDenied, InvalidArgument, Internal.
#ifndef ARKSHARE_SERVICES_PEER_DISK_FILE_IO_H_
#define ARKSHARE_SERVICES_PEER_DISK_FILE_IO_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <sys/stat.h>

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace arkshare {

// What tells a file from another, or from itself after a change.
struct FileIdentity {
  uint64_t inode = 0;
  uint64_t size = 0;     // bytes
  int64_t mtime_ns = 0;  // since 1970

  auto operator<=>(const FileIdentity&) const = default;
};

enum class FileKind { kRegular, kFolder, kSymlink, kOther, kOtherFileSystem };

struct FileStat {
  FileKind kind = FileKind::kOther;
  FileIdentity identity;
  uint64_t links = 0;
};

FileStat FromStat(const struct stat& st);
// Size, inode and times of an open file.
absl::StatusOr<FileStat> StatFd(int fd);

// Reads exactly `size` bytes at `offset`; FailedPrecondition when the file ends before.
absl::Status ReadFully(int fd, uint64_t offset, uint8_t* out, size_t size);
// ResourceExhausted when the disk is full.
absl::Status WriteFully(int fd, uint64_t offset, const uint8_t* data, size_t size);
// Ends the process when the disk lost what it was given: that cannot be asked for again, and the
// restart recovers from what is on the disk. `what` is for the log.
void SyncOrDie(int fd, const char* what);

// Of a name in an open folder; a symlink is not followed.
absl::StatusOr<FileStat> StatAt(int folder, const std::string& name);
// The names in an open folder, without dot-files; none when it cannot be read.
std::vector<std::string> ListNames(int folder);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_FILE_IO_H_
