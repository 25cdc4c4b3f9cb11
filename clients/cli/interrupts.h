// Ctrl-C, made into something that every waiting place of the CLI notices.
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

// Remembers the first interrupt for ever; running calls are cancelled, waits end. Thread-safe.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // SIGINT, SIGTERM and SIGHUP become interrupts of this object, until it is destroyed; a second
  // one ends the process at once. At most one object of a process may do this.
  void CatchSignals();

  // As the signal does. Safe in a signal handler.
  void Trigger(int signal = SIGINT);
  bool triggered() const { return signal_.load() != 0; }
  // What a program ended by the signal exits with: 130 for Ctrl-C.
  int exit_code() const { return 128 + signal_.load(); }

  // Becomes readable with the first interrupt and stays so. For poll; never read from it.
  int fd() const { return fd_; }
  // False when interrupted before or while it slept.
  bool SleepFor(absl::Duration duration) const;

  // Cancels a call when an interrupt comes, or has come. The context must outlive it.
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

  const int fd_;
  std::atomic<int> signal_ = 0;
  std::atomic<bool> stopping_ = false;
  Mutex mutex_;
  absl::flat_hash_set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);
  std::thread watcher_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_INTERRUPTS_H_
