// A real program under test: started, listened to, killed, and never left behind.
#ifndef ARKSHARE_TESTS_SUPPORT_PROCESS_H_
#define ARKSHARE_TESTS_SUPPORT_PROCESS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/mutex.h"

namespace arkshare {

// How long a test waits for anything that a working program does within a second, also on a slow
// machine under a sanitizer. Only a test that fails ever waits this long.
inline constexpr absl::Duration kPatience = absl::Seconds(60);

struct ProcessOptions {
  // The program's path (no search in PATH) and its arguments.
  std::vector<std::string> argv;
  // Added to this process's own environment.
  std::map<std::string, std::string> env;
  // Gets stderr, appended; when a test has failed its end is shown. Empty: stderr is ours.
  std::string log_file;
  // All of stdin; nullopt leaves it open, for WriteInput.
  std::optional<std::string> input = "";
  // Gives the program a terminal of its own (80 x 24) for stdin, stdout and stderr. `input` and
  // `log_file` must not be set (nullopt and empty).
  bool terminal = false;
};

// How a process ended: the exit code, or the signal that ended it.
struct ExitStatus {
  int code = 0;
  int signal = 0;

  bool operator==(const ExitStatus&) const = default;
};

// Thread-safe. The destructor ends the process with SIGKILL, if it still runs.
class Process {
 public:
  // Errors: Internal, when the program cannot be started.
  static absl::StatusOr<std::unique_ptr<Process>> Start(ProcessOptions options);
  ~Process();

  pid_t pid() const { return pid_; }
  bool Running() const;

  // The next line of stdout that begins with `prefix`, without its newline. Everything up to it
  // counts as read; the rest of a line after WaitForText is a line of its own. Errors, with the
  // output so far: DeadlineExceeded; Unavailable when stdout ends first.
  absl::StatusOr<std::string> WaitForLine(const std::string& prefix,
                                          absl::Duration timeout = kPatience);
  // The same for any text, such as a prompt without a newline: what was written up to its end.
  absl::StatusOr<std::string> WaitForText(const std::string& text,
                                          absl::Duration timeout = kPatience);
  // Until the program, and all that it started, have closed stdout: then Output is complete.
  absl::Status WaitOutputEnd(absl::Duration timeout = kPatience);
  // All of stdout so far.
  std::string Output() const;
  // The output to stderr so far, from the log file.
  std::string Log() const;

  // To stdin, or to the terminal as if it was typed. CloseInput is what Ctrl-D does to a pipe.
  absl::Status WriteInput(const std::string& text);
  void CloseInput();

  // FailedPrecondition when it has ended.
  absl::Status Signal(int signal_number);
  // DeadlineExceeded when it runs on.
  absl::StatusOr<ExitStatus> WaitExit(absl::Duration timeout = kPatience);
  // SIGKILL, and waits until it is gone.
  void Kill();
  // SIGTERM, and waits: how it ended. It is killed when it does not end in time.
  absl::StatusOr<ExitStatus> Stop(absl::Duration timeout = kPatience);

 private:
  explicit Process(ProcessOptions options) : options_(std::move(options)) {}
  void ReadOutput();
  void AwaitExit();
  // `line`: the match must begin a line and takes all of it.
  absl::StatusOr<std::string> WaitForMatch(const std::string& text, bool line,
                                           absl::Duration timeout);

  const ProcessOptions options_;
  pid_t pid_ = -1;
  int output_fd_ = -1;
  int wake_fd_ = -1;  // readable when ReadOutput shall end
  std::thread reader_;
  std::thread waiter_;

  mutable Mutex mutex_;
  CondVar changed_;
  int input_fd_ ABSL_GUARDED_BY(mutex_) = -1;
  std::string output_ ABSL_GUARDED_BY(mutex_);
  size_t position_ ABSL_GUARDED_BY(mutex_) =
      0;  // of the first byte of output_ that is not yet read
  bool output_ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<ExitStatus> exit_ ABSL_GUARDED_BY(mutex_);
};

// Runs a program to its end.
struct Finished {
  ExitStatus exit;
  std::string output;  // stdout
  std::string log;     // stderr
};
// DeadlineExceeded (and the program is killed) when it takes longer.
absl::StatusOr<Finished> RunToEnd(ProcessOptions options, absl::Duration timeout = kPatience);

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_SUPPORT_PROCESS_H_
