// The parts of server.h that concern the process rather than one server.
#include <absl/synchronization/mutex.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "lib/rpc/server.h"

namespace arkshare {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

void TuneProcess() {
  // By default every message of 1 MiB is mapped and unmapped anew, which costs up to half of the
  // throughput.
  mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
  mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
  mallopt(M_TOP_PAD, 4 * 1024 * 1024);
  // Each arena keeps some messages' worth of memory for good; by default there are eight a core.
  mallopt(M_ARENA_MAX, 2);
  // Debian builds Abseil with its search for deadlocks on: a tenth of an empty call.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Each connection is a file: take what the machine allows.
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  // gRPC's own log lines are not for people; what matters comes back as a status. Set it to get
  // them.
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

// Blocked everywhere, the signal stays pending until WaitForStopSignal takes it: none is missed.
void RequestStop() { kill(getpid(), SIGTERM); }

}  // namespace arkshare
