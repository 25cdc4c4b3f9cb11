#include "clients/cli/interrupts.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>

#include "lib/core/clock.h"

namespace arkshare {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

std::atomic<Interrupts*> signal_target = nullptr;

void HandleSignal(int signal) {
  const int saved_errno = errno;
  Interrupts* const target = signal_target.load();
  if (target == nullptr || target->triggered()) _exit(128 + signal);
  target->Trigger(signal);
  errno = saved_errno;
}

// Waits until `fd` is readable (true) or the time has passed (false).
bool WaitReadable(int fd, absl::Duration timeout) {
  const absl::Time end = Clock::Real()->Monotonic() + timeout;
  pollfd poll_fd = {.fd = fd, .events = POLLIN, .revents = 0};
  while (true) {
    int64_t milliseconds = -1;
    if (timeout != absl::InfiniteDuration()) {
      const absl::Duration left = end - Clock::Real()->Monotonic();
      milliseconds = absl::ToInt64Milliseconds(
          absl::Ceil(std::max(left, absl::ZeroDuration()), absl::Milliseconds(1)));
      milliseconds = std::min<int64_t>(milliseconds, std::numeric_limits<int>::max());
    }
    const int ready = poll(&poll_fd, 1, static_cast<int>(milliseconds));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

}  // namespace

Interrupts::Interrupts() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  watcher_ = std::thread([this] { CancelCallsWhenTriggered(); });
}

Interrupts::~Interrupts() {
  Interrupts* self = this;
  if (signal_target.compare_exchange_strong(self, nullptr)) {
    for (const int signal : kSignals) std::signal(signal, SIG_DFL);
  }
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stopped_.NotifyAll();
  }
  (void)eventfd_write(fd_, 1);
  watcher_.join();
  if (closed_watcher_.joinable()) closed_watcher_.join();
  close(fd_);
}

void Interrupts::CatchSignals(absl::Duration limit) {
  {
    MutexLock lock(&mutex_);
    limit_ = limit;
  }
  signal_target = this;
  struct sigaction action = {};
  action.sa_handler = HandleSignal;
  action.sa_flags = SA_RESTART;  // Waits poll fd().
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
}

void Interrupts::EndWhenClosed(int fd) {
  closed_watcher_ = std::thread([this, fd] { AwaitClosed(fd); });
}

void Interrupts::AwaitClosed(int fd) {
  // poll reports POLLERR and POLLHUP without being asked.
  pollfd fds[] = {{.fd = fd_, .events = POLLIN, .revents = 0},
                  {.fd = fd, .events = 0, .revents = 0}};
  while (poll(fds, 2, -1) < 0 && errno == EINTR) {
  }
  if (fds[0].revents == 0) Trigger(SIGPIPE);
}

void Interrupts::Trigger(int signal) {
  int none = 0;
  signal_.compare_exchange_strong(none, signal);
  (void)eventfd_write(fd_, 1);
}

bool Interrupts::SleepFor(absl::Duration duration) const {
  return !WaitReadable(fd_, duration) && !triggered();
}

// Runs on a thread of its own, because a signal handler must not touch a call.
void Interrupts::CancelCallsWhenTriggered() {
  WaitReadable(fd_, absl::InfiniteDuration());
  if (stopping_ && !triggered()) return;
  // The lock keeps the contexts alive: a guard ends before its context. TryCancel does not block.
  MutexLock lock(&mutex_);
  for (grpc::ClientContext* call : calls_) call->TryCancel();
  if (limit_ == absl::InfiniteDuration()) return;
  const absl::Time end = Clock::Real()->Monotonic() + limit_;
  while (!stopping_) {
    const absl::Duration left = end - Clock::Real()->Monotonic();
    if (left <= absl::ZeroDuration()) _exit(exit_code());
    stopped_.WaitFor(&mutex_, left);
  }
}

Interrupts::CallGuard::CallGuard(Interrupts* interrupts, grpc::ClientContext* context)
    : interrupts_(interrupts), context_(context) {
  MutexLock lock(&interrupts_->mutex_);
  interrupts_->calls_.insert(context_);
  // The watcher may have cancelled the other calls already.
  if (interrupts_->triggered()) context_->TryCancel();
}

Interrupts::CallGuard::~CallGuard() {
  MutexLock lock(&interrupts_->mutex_);
  interrupts_->calls_.erase(context_);
}

}  // namespace arkshare
