#include "tests/support/process.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "lib/core/clock.h"
#include "tests/support/temp_dir.h"

namespace arkshare {
namespace {

absl::Status ErrnoStatus(const std::string& what) {
  return absl::InternalError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// The end of a log, as much as helps a reader.
std::string Tail(const std::string& text) {
  constexpr size_t kShown = 8 * 1024;
  return text.size() <= kShown ? text : "[...]" + text.substr(text.size() - kShown);
}

// Our own environment with `added` on top, and the pointers that execve takes.
class Environment {
 public:
  explicit Environment(std::map<std::string, std::string> added) {
    for (char** entry = environ; *entry != nullptr; ++entry) {
      std::string text = *entry;
      if (!added.contains(text.substr(0, text.find('=')))) entries_.push_back(std::move(text));
    }
    for (const auto& [name, value] : added) entries_.push_back(name + "=" + value);
    for (std::string& entry : entries_) pointers_.push_back(entry.data());
    pointers_.push_back(nullptr);
  }
  char** data() { return pointers_.data(); }

 private:
  std::vector<std::string> entries_;
  std::vector<char*> pointers_;
};

// The child's side of its standard streams, and ours.
struct Streams {
  int child_in = -1, child_out = -1, child_err = -1;
  int our_in = -1, our_out = -1;

  void CloseChildSide() {
    for (int* fd : {&child_in, &child_out, &child_err}) {
      if (*fd >= 0) close(std::exchange(*fd, -1));
    }
  }
  void CloseAll() {
    CloseChildSide();
    for (int* fd : {&our_in, &our_out}) {
      if (*fd >= 0) close(std::exchange(*fd, -1));
    }
  }
};

// A file without a name that holds `text`: input that never blocks.
int OpenText(const std::string& text) {
  std::FILE* file = std::tmpfile();
  if (file == nullptr) return -1;
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
  int fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
  std::fclose(file);
  if (fd >= 0) lseek(fd, 0, SEEK_SET);
  return fd;
}

absl::StatusOr<Streams> OpenStreams(const ProcessOptions& options) {
  Streams streams;
  if (options.terminal) {
    winsize size = {};
    size.ws_row = 24;
    size.ws_col = 80;
    if (openpty(&streams.our_out, &streams.child_in, nullptr, nullptr, &size) != 0) {
      return ErrnoStatus("openpty");
    }
    for (int fd : {streams.our_out, streams.child_in}) fcntl(fd, F_SETFD, FD_CLOEXEC);
    streams.our_in = fcntl(streams.our_out, F_DUPFD_CLOEXEC, 0);
    return streams;
  }
  std::array<int, 2> pipe_fds;
  if (options.input.has_value()) {
    streams.child_in = OpenText(*options.input);
  } else if (pipe2(pipe_fds.data(), O_CLOEXEC) == 0) {
    streams.child_in = pipe_fds[0];
    streams.our_in = pipe_fds[1];
  }
  if (pipe2(pipe_fds.data(), O_CLOEXEC) == 0) {
    streams.our_out = pipe_fds[0];
    streams.child_out = pipe_fds[1];
  }
  if (!options.log_file.empty()) {
    streams.child_err =
        open(options.log_file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  }
  if (streams.child_in < 0 || streams.child_out < 0 ||
      (!options.log_file.empty() && streams.child_err < 0)) {
    absl::Status status = ErrnoStatus("opening the standard streams");
    streams.CloseAll();
    return status;
  }
  return streams;
}

// posix_spawn and not fork: gRPC does not support fork, and this process has threads.
absl::StatusOr<pid_t> Spawn(const ProcessOptions& options, const Streams& streams) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (options.terminal) {
    // The first terminal that a new session opens becomes its own.
    flags |= POSIX_SPAWN_SETSID;
    std::array<char, 64> name;
    ptsname_r(streams.our_out, name.data(), name.size());
    posix_spawn_file_actions_addopen(&actions, 0, name.data(), O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    posix_spawn_file_actions_adddup2(&actions, 0, 2);
  } else {
    posix_spawn_file_actions_adddup2(&actions, streams.child_in, 0);
    posix_spawn_file_actions_adddup2(&actions, streams.child_out, 1);
    if (streams.child_err >= 0) posix_spawn_file_actions_adddup2(&actions, streams.child_err, 2);
  }
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, static_cast<short>(flags));

  std::vector<std::string> argv = options.argv;
  std::vector<char*> pointers;
  for (std::string& argument : argv) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  Environment environment(options.env);
  pid_t pid = -1;
  errno =
      posix_spawn(&pid, pointers[0], &actions, &attributes, pointers.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (errno != 0) return ErrnoStatus("starting " + options.argv[0]);
  return pid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::Start(ProcessOptions options) {
  if (options.argv.empty() || options.argv[0].empty()) {
    return absl::InternalError("there is no program to start; was it built?");
  }
  signal(SIGPIPE, SIG_IGN);  // WriteInput reports a reader that has gone.
  absl::StatusOr<Streams> streams = OpenStreams(options);
  if (!streams.ok()) return streams.status();
  absl::StatusOr<pid_t> pid = Spawn(options, *streams);
  if (!pid.ok()) {
    streams->CloseAll();
    return pid.status();
  }
  streams->CloseChildSide();
  std::unique_ptr<Process> process(new Process(std::move(options)));
  process->pid_ = *pid;
  process->output_fd_ = streams->our_out;
  process->wake_fd_ = eventfd(0, EFD_CLOEXEC);
  {
    MutexLock lock(&process->mutex_);
    process->input_fd_ = streams->our_in;
  }
  process->reader_ = std::thread([p = process.get()] { p->ReadOutput(); });
  process->waiter_ = std::thread([p = process.get()] { p->AwaitExit(); });
  return process;
}

Process::~Process() {
  (void)Signal(SIGKILL);
  waiter_.join();
  // A program's own children may hold stdout open: do not wait for its end.
  const uint64_t one = 1;
  if (write(wake_fd_, &one, sizeof(one)) < 0) std::perror("eventfd");
  reader_.join();
  CloseInput();
  close(output_fd_);
  close(wake_fd_);
  if (testing::Test::HasFailure()) {
    std::printf("---- %s (pid %d) wrote to stdout:\n%s\n", options_.argv[0].c_str(), pid_,
                Tail(Output()).c_str());
    if (!options_.log_file.empty()) {
      std::printf("---- and to stderr:\n%s\n", Tail(Log()).c_str());
    }
    std::fflush(stdout);
  }
}

void Process::ReadOutput() {
  std::array<char, 16 * 1024> buffer;
  while (true) {
    pollfd fds[] = {{output_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) break;
    if (fds[0].revents == 0) {
      if (fds[1].revents != 0) break;
      continue;
    }
    ssize_t n = read(output_fd_, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;  // A terminal whose program has ended gives EIO.
    MutexLock lock(&mutex_);
    output_.append(buffer.data(), static_cast<size_t>(n));
    changed_.NotifyAll();
  }
  MutexLock lock(&mutex_);
  output_ended_ = true;
  changed_.NotifyAll();
}

void Process::AwaitExit() {
  // Leaves the process as a zombie at first, so that Signal can never hit a stranger with its
  // number.
  siginfo_t info;
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  MutexLock lock(&mutex_);
  int status = 0;
  waitpid(pid_, &status, 0);
  exit_ = WIFSIGNALED(status) ? ExitStatus{.code = 0, .signal = WTERMSIG(status)}
                              : ExitStatus{.code = WEXITSTATUS(status), .signal = 0};
  changed_.NotifyAll();
}

bool Process::Running() const {
  MutexLock lock(&mutex_);
  return !exit_.has_value();
}

absl::StatusOr<std::string> Process::WaitForLine(const std::string& prefix,
                                                 absl::Duration timeout) {
  return WaitForMatch(prefix, true, timeout);
}

absl::StatusOr<std::string> Process::WaitForText(const std::string& text, absl::Duration timeout) {
  return WaitForMatch(text, false, timeout);
}

absl::StatusOr<std::string> Process::WaitForMatch(const std::string& text, bool line,
                                                  absl::Duration timeout) {
  const absl::Time deadline = Clock::Real()->Monotonic() + timeout;
  MutexLock lock(&mutex_);
  while (true) {
    for (size_t at = output_.find(text, position_); at != std::string::npos;
         at = output_.find(text, at + 1)) {
      if (!line) {
        std::string read = output_.substr(position_, at + text.size() - position_);
        position_ = at + text.size();
        return read;
      }
      if (at != position_ && output_[at - 1] != '\n') continue;
      size_t end = output_.find('\n', at);
      if (end == std::string::npos) break;
      position_ = end + 1;
      if (end > at && output_[end - 1] == '\r') --end;
      return output_.substr(at, end - at);
    }
    const absl::Duration left = deadline - Clock::Real()->Monotonic();
    if (output_ended_ || left <= absl::ZeroDuration()) {
      std::string message =
          absl::StrCat(options_.argv[0], output_ended_ ? " ended" : " ran on", " without \"", text,
                       "\" in its output, which goes on with:\n", Tail(output_.substr(position_)));
      return output_ended_ ? absl::UnavailableError(message) : absl::DeadlineExceededError(message);
    }
    changed_.WaitFor(&mutex_, left);
  }
}

absl::Status Process::WaitOutputEnd(absl::Duration timeout) {
  const absl::Time deadline = Clock::Real()->Monotonic() + timeout;
  MutexLock lock(&mutex_);
  while (!output_ended_) {
    const absl::Duration left = deadline - Clock::Real()->Monotonic();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError("something still holds " + options_.argv[0] + "'s stdout");
    }
    changed_.WaitFor(&mutex_, left);
  }
  return absl::OkStatus();
}

std::string Process::Output() const {
  MutexLock lock(&mutex_);
  return output_;
}

std::string Process::Log() const {
  std::ostringstream text;
  text << std::ifstream(options_.log_file).rdbuf();
  return text.str();
}

absl::Status Process::WriteInput(const std::string& text) {
  int fd = -1;
  {
    MutexLock lock(&mutex_);
    fd = fcntl(input_fd_, F_DUPFD_CLOEXEC, 0);
  }
  if (fd < 0) return absl::FailedPreconditionError("stdin is closed");
  absl::Status status;
  for (size_t done = 0; done < text.size() && status.ok();) {
    ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n >= 0) {
      done += static_cast<size_t>(n);
    } else if (errno != EINTR) {
      status = ErrnoStatus("writing to stdin");
    }
  }
  close(fd);
  return status;
}

void Process::CloseInput() {
  MutexLock lock(&mutex_);
  if (input_fd_ >= 0) close(std::exchange(input_fd_, -1));
}

absl::Status Process::Signal(int signal_number) {
  MutexLock lock(&mutex_);
  if (exit_.has_value()) return absl::FailedPreconditionError("the process has ended");
  if (kill(pid_, signal_number) != 0) return ErrnoStatus("kill");
  return absl::OkStatus();
}

absl::StatusOr<ExitStatus> Process::WaitExit(absl::Duration timeout) {
  const absl::Time deadline = Clock::Real()->Monotonic() + timeout;
  MutexLock lock(&mutex_);
  while (!exit_.has_value()) {
    const absl::Duration left = deadline - Clock::Real()->Monotonic();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(absl::StrCat(options_.argv[0], " runs on"));
    }
    changed_.WaitFor(&mutex_, left);
  }
  return *exit_;
}

void Process::Kill() {
  (void)Signal(SIGKILL);
  (void)WaitExit();
}

absl::StatusOr<ExitStatus> Process::Stop(absl::Duration timeout) {
  (void)Signal(SIGTERM);
  absl::StatusOr<ExitStatus> exit = WaitExit(timeout);
  if (!exit.ok()) Kill();
  return exit;
}

absl::StatusOr<Finished> RunToEnd(ProcessOptions options, absl::Duration timeout) {
  TempDir folder;
  if (options.log_file.empty() && !options.terminal) options.log_file = folder / "stderr";
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(std::move(options));
  if (!process.ok()) return process.status();
  absl::StatusOr<ExitStatus> exit = (*process)->WaitExit(timeout);
  if (!exit.ok()) return exit.status();
  // Its last output may not have been read yet.
  absl::Status ended = (*process)->WaitOutputEnd(timeout);
  if (!ended.ok()) return ended;
  return Finished{*exit, (*process)->Output(), (*process)->Log()};
}

}  // namespace arkshare
