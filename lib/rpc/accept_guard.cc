#include "lib/rpc/accept_guard.h"

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "lib/core/mutex.h"

namespace arkshare {
namespace {

// Enough for some hundred connections beside the files and the database of a peer.
constexpr rlim_t kFewDescriptors = 1024;
constexpr absl::Duration kLogPause = absl::Minutes(1);
// How long to wait when the kernel has no memory for a connection.
constexpr absl::Duration kNoMemoryPause = absl::Milliseconds(10);

int Accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  return static_cast<int>(syscall(SYS_accept4, fd, address, length, flags));
}

// Thread-safe.
class Reserve {
 public:
  // Accepts and closes every waiting connection. gRPC hears of a listener only when a connection
  // arrives, so none may be left.
  void RefuseAll(int listener) {
    MutexLock lock(&mutex_);
    LogLocked();
    Release();
    while (true) {
      const int fd = Accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) {
        close(fd);
      } else if (errno != EINTR && errno != ECONNABORTED) {
        break;
      }
    }
    Hold();
  }

  void Take() {
    MutexLock lock(&mutex_);
    if (fd_ < 0) Hold();
  }

 private:
  void Hold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    fd_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  void Release() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void LogLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const absl::Time now = Clock::Real()->Monotonic();
    if (now - last_log_ < kLogPause) return;
    last_log_ = now;
    LogError("no_file_descriptors",
             {{"why",
               "new connections are refused; raise the limit of open files (ulimit -n, or "
               "LimitNOFILE= of systemd) and restart"}});
  }

  Mutex mutex_;
  int fd_ ABSL_GUARDED_BY(mutex_) = -1;
  absl::Time last_log_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

// Never destroyed: gRPC's threads may accept until the process ends.
Reserve& TheReserve() {
  static Reserve& reserve = *new Reserve;
  return reserve;
}

void WarnOfLowLimit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= kFewDescriptors) return;
  LogWarning("few_file_descriptors",
             {{"limit", files.rlim_cur},
              {"why",
               "each connection needs one; raise the limit of open files (ulimit -n, or "
               "LimitNOFILE= of systemd)"}});
}

// Replaces the error of accept4 by one that gRPC survives: EAGAIN, wait for the next connection, or
// EINTR, try again.
int SurvivableError(int listener, int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
      TheReserve().RefuseAll(listener);
      return EAGAIN;
    case ENOBUFS:
    case ENOMEM:
      absl::SleepFor(kNoMemoryPause);
      return EINTR;
    // Errors of one connection; see "Error handling" in accept(2).
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return EINTR;
    default:
      return error;
  }
}

}  // namespace

void GuardAccept() {
  TheReserve().Take();
  [[maybe_unused]] static const bool warned = [] {
    WarnOfLowLimit();
    return true;
  }();
}

}  // namespace arkshare

// Takes the place of the C library's function in this program and its libraries.
extern "C" int accept4(int fd, sockaddr* __restrict address, socklen_t* __restrict length,
                       int flags) {
  const int connection = arkshare::Accept4(fd, address, length, flags);
  if (connection < 0) errno = arkshare::SurvivableError(fd, errno);
  return connection;
}
