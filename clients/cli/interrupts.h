// Ctrl-C for a program that waits in many places: each of them ends.
#ifndef ARKSHARE_CLIENTS_CLI_INTERRUPTS_H_
#define ARKSHARE_CLIENTS_CLI_INTERRUPTS_H_

#include <absl/container/flat_hash_set.h>
#include <absl/time/time.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "lib/core/mutex.h"

namespace arkshare {

// Remembers the first interrupt, cancels the running calls and ends the waits. Thread-safe.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // Makes SIGINT, SIGTERM and SIGHUP interrupts of this object until it is destroyed. A second
  // signal ends the process at once. When the object still lives `limit` after the first one,
  // whatever hangs (a full pipe, for example), the process ends too. Requires: no other object of
  // the process has called this.
  void CatchSignals(absl::Duration limit = absl::Seconds(4));

  // Interrupts as SIGPIPE when the reader of `fd`, a pipe or a terminal, has gone, also while
  // nothing is written. Does nothing for a file. Call at most once.
  void EndWhenClosed(int fd);
  // Interrupts, as the signal does. Safe in a signal handler.
  void Trigger(int signal = SIGINT);
  bool triggered() const { return signal_.load() != 0; }
  // The exit code of a program that the signal ended: 130 for Ctrl-C. Requires triggered().
  int exit_code() const { return 128 + signal_.load(); }

  // Readable from the first interrupt on. For poll; never read from it.
  int fd() const { return fd_; }
  // Sleeps. Returns false when an interrupt came before or during the sleep.
  bool SleepFor(absl::Duration duration) const;

  // Cancels a call on an interrupt, also on an earlier one. The context must outlive the guard.
  class CallGuard {
   public:
    CallGuard(Interrupts* interrupts, grpc::ClientContext* context);
    ~CallGuard();
    CallGuard(const CallGuard&) = delete;
    CallGuard& operator=(const CallGuard&) = delete;

   private:
    Interrupts* const interrupts_;
    grpc::ClientContext* const context_;
  };

 private:
  void CancelCallsWhenTriggered();
  void AwaitClosed(int fd);

  const int fd_;
  std::atomic<int> signal_ = 0;
  std::atomic<bool> stopping_ = false;
  Mutex mutex_;
  CondVar stopped_;
  absl::Duration limit_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  absl::flat_hash_set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);
  std::thread watcher_;
  std::thread closed_watcher_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_INTERRUPTS_H_
