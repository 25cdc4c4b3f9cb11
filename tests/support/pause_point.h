// The test's end of a failpoint that holds a program; see lib/core/failpoint.h.
#ifndef ARKSHARE_TESTS_SUPPORT_PAUSE_POINT_H_
#define ARKSHARE_TESTS_SUPPORT_PAUSE_POINT_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <string>

#include "tests/support/process.h"

namespace arkshare {

// Holds a program at one failpoint: start it with Setting() in ARKSHARE_FAILPOINTS,
// WaitUntilReached, look around or kill things, Resume. A program may be held here many times, once
// after the other.
class PausePoint {
 public:
  // Makes a FIFO at `fifo_path`, a path that does not exist yet. Aborts when it cannot.
  PausePoint(std::string failpoint, std::string fifo_path);
  ~PausePoint();
  PausePoint(const PausePoint&) = delete;
  PausePoint& operator=(const PausePoint&) = delete;

  // "NAME=pause:PATH", for the first time that the failpoint is reached; "NAME=*pause:PATH" for
  // all.
  std::string Setting() const { return failpoint_ + "=pause:" + fifo_path_; }
  std::string SettingForAll() const { return failpoint_ + "=*pause:" + fifo_path_; }

  // Once for every time that a program comes here. DeadlineExceeded when none does.
  absl::Status WaitUntilReached(absl::Duration timeout = kPatience);
  // Lets the program go on. DeadlineExceeded when no program is held here.
  absl::Status Resume(absl::Duration timeout = kPatience);

 private:
  void Listen();

  const std::string failpoint_;
  const std::string fifo_path_;
  int reader_fd_ = -1;
};

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_SUPPORT_PAUSE_POINT_H_
