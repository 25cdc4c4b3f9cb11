// File system calls that return our errors: NotFound, AlreadyExists, ResourceExhausted (disk full),
// PermissionDenied, InvalidArgument, Internal.
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

// Tells a file from another file, and from itself after a change.
struct FileIdentity {
  uint64_t inode = 0;
  uint64_t size = 0;     // bytes
  int64_t mtime_ns = 0;  // since 1970
  // When the inode last changed, since 1970. No program can set it, so it shows a change whose
  // mtime was put back. It also changes when the file is renamed, linked or given other
  // permissions. 0 where the file system's ctime is not trusted (see FolderTraits).
  int64_t ctime_ns = 0;

  auto operator<=>(const FileIdentity&) const = default;
};

// A ctime_ns that no file has: an identity with it is SameButCtime at most.
inline constexpr int64_t kDoubtedCtime = -1;

// Returns true when the two differ in ctime at most. The bytes may have changed all the same.
bool SameButCtime(const FileIdentity& a, const FileIdentity& b);
// Returns true when a file with the identity `known` has not changed, by its identity `now`.
// A ctime of 0 in `known` is not compared.
bool IsUnchanged(const FileIdentity& known, const FileIdentity& now);

enum class FileKind { kRegular, kFolder, kSymlink, kOther, kOtherFileSystem };

struct FileStat {
  FileKind kind = FileKind::kOther;
  FileIdentity identity;
  uint64_t links = 0;
};

// Tells a file or folder from every other one, also after it was renamed or changed.
struct FileMark {
  uint64_t inode = 0;
  // When it was made, since 1970, because inodes are used again; 0 where the file system does not
  // know this.
  int64_t born_ns = 0;

  auto operator<=>(const FileMark&) const = default;
};

FileStat FromStat(const struct stat& st);
// Returns the size, inode and times of an open file.
absl::StatusOr<FileStat> StatFd(int fd);

// Reads exactly `size` bytes at `offset`. FailedPrecondition when the file ends early.
absl::Status ReadFully(int fd, uint64_t offset, uint8_t* out, size_t size);
// Writes all of `data` at `offset`. ResourceExhausted when the disk is full.
absl::Status WriteFully(int fd, uint64_t offset, const uint8_t* data, size_t size);
// Calls fsync(2), and ends the process when it fails: the kernel may have dropped the data for
// good. The restart recovers from what is on the disk. `what` is for the log.
void SyncOrDie(int fd, const char* what);

// Returns the stat of a name in an open folder; does not follow a symlink.
absl::StatusOr<FileStat> StatAt(int folder, const std::string& name);
// Returns the mark of a name in an open folder; does not follow a symlink.
absl::StatusOr<FileMark> MarkAt(int folder, const std::string& name);
// Returns the names in an open folder, without dot-files.
absl::StatusOr<std::vector<std::string>> ReadNames(int folder);
// The same; none when it cannot be read.
std::vector<std::string> ListNames(int folder);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_FILE_IO_H_
