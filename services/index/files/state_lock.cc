#include "services/index/files/state_lock.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace arkshare {

absl::StatusOr<std::unique_ptr<StateLock>> StateLock::Acquire(const std::string& state_file) {
  const std::string path = absl::StrCat(state_file, ".lock");
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot make ", path, ": ", std::strerror(errno),
                     "; name a file with --state in a folder that this user can write to"));
  }
  std::unique_ptr<StateLock> lock(new StateLock(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot lock ", path, ": ", std::strerror(errno)));
  }
  return absl::InvalidArgumentError(absl::StrCat("another arkshare-index uses the state file ",
                                                 state_file,
                                                 ": stop it, or name another file with --state"));
}

// Keeps the lock file: if it were removed, two processes could lock two files of the same name.
StateLock::~StateLock() { close(fd_); }

}  // namespace arkshare
