#include "lib/rpc/process.h"

#include <absl/synchronization/mutex.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

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

void BlockStopSignals() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void WaitForStopSignal() {
  const sigset_t signals = StopSignals();
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
}

// Never lost: every thread blocks the signal, so it stays pending until WaitForStopSignal takes it.
void RequestStop() { kill(getpid(), SIGTERM); }

}  // namespace arkshare
