#include "tests/support/pause_point.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "tests/support/files.h"

namespace arkshare {

PausePoint::PausePoint(std::string failpoint, std::string fifo_path)
    : failpoint_(std::move(failpoint)), fifo_path_(std::move(fifo_path)) {
  if (mkfifo(fifo_path_.c_str(), 0600) != 0) {
    std::perror(fifo_path_.c_str());
    std::abort();
  }
  Listen();
}

PausePoint::~PausePoint() {
  if (reader_fd_ >= 0) close(reader_fd_);
}

// A reader that does not block: the program's open for writing succeeds at once and its close shows
// as a hang-up, which stays visible until we look.
void PausePoint::Listen() {
  reader_fd_ = open(fifo_path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

absl::Status PausePoint::WaitUntilReached(absl::Duration timeout) {
  pollfd fd = {reader_fd_, POLLIN, 0};
  while (true) {
    int ready = poll(&fd, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout)));
    if (ready > 0) {
      // A new reader, so that the next arrival is told from this one.
      close(reader_fd_);
      Listen();
      return absl::OkStatus();
    }
    if (ready < 0 && errno == EINTR) continue;
    return absl::DeadlineExceededError("no program has reached " + failpoint_);
  }
}

absl::Status PausePoint::Resume(absl::Duration timeout) {
  // Our own reader would let the open below succeed although no program waits.
  if (reader_fd_ >= 0) close(std::exchange(reader_fd_, -1));
  int writer = -1;
  const bool resumed = EventuallyTrue(
      [&] {
        writer = open(fifo_path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        return writer >= 0;
      },
      timeout);
  if (resumed) close(writer);
  Listen();
  if (!resumed) return absl::DeadlineExceededError("no program is held at " + failpoint_);
  return absl::OkStatus();
}

}  // namespace arkshare
