#include "lib/rpc/process.h"

#include <absl/base/thread_annotations.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "lib/core/mutex.h"

namespace arkshare {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

void OpenStandardStreams() {
  while (true) {
    const int fd = open("/dev/null", O_RDWR);
    if (fd < 0) return;
    if (fd > STDERR_FILENO) {
      close(fd);
      return;
    }
  }
}

struct StopState {
  Mutex mutex;
  CondVar changed;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
};

// Never destroyed, because LimitStop runs until the process ends.
StopState& State() {
  static StopState& state = *new StopState;
  return state;
}

void LimitStop(const sigset_t& signals, absl::Duration limit) {
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
  StopState& state = State();
  {
    MutexLock lock(&state.mutex);
    state.stopping = true;
    state.changed.NotifyAll();
  }
  absl::SleepFor(limit);
  SayWithoutWaiting("stopped without waiting any longer for what hangs; nothing is lost\n");
  _exit(1);
}

}  // namespace

void TuneProcess() {
  OpenStandardStreams();
  for (int harmless : {SIGXFSZ, SIGPIPE, SIGHUP}) std::signal(harmless, SIG_IGN);
  // By default malloc maps and unmaps every message of 1 MiB, which costs up to half of the
  // throughput.
  mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
  mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
  mallopt(M_TOP_PAD, 4 * 1024 * 1024);
  // Each arena keeps the memory of some messages forever; the default is eight arenas a core.
  mallopt(M_ARENA_MAX, 2);
  // Debian's Abseil searches for deadlocks, which costs a tenth of an empty call.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Each connection needs a file descriptor.
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  // Turns gRPC's own log lines off, because errors are returned as statuses. Set the variable to
  // get the lines.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
}

void SayWithoutWaiting(absl::string_view text) {
  pollfd standard_error{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&standard_error, 1, 0) != 1) return;
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

void BlockStopSignals(absl::Duration limit) {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals, limit] { LimitStop(signals, limit); }).detach();
}

void WaitForStopSignal() {
  StopState& state = State();
  MutexLock lock(&state.mutex);
  while (!state.stopping) state.changed.Wait(&state.mutex);
}

// Never lost: every thread blocks the signal, so it stays pending until LimitStop takes it.
void RequestStop() { kill(getpid(), SIGTERM); }

}  // namespace arkshare
