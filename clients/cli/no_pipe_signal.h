// Keeps SIGPIPE away from calls of OpenSSL.
#ifndef ARKSHARE_CLIENTS_CLI_NO_PIPE_SIGNAL_H_
#define ARKSHARE_CLIENTS_CLI_NO_PIPE_SIGNAL_H_

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <ctime>

namespace arkshare {

// Keeps SIGPIPE from this thread while an object lives: OpenSSL writes to sockets whose other end
// may have gone. The program does not ignore the signal, because its output may be a pipe.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec at_once{};
    while (!was_pending_ && sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) continue;
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_NO_PIPE_SIGNAL_H_
