#include "lib/rpc/accept_guard.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <string>

#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "lib/core/mutex.h"
#include "lib/rpc/caller_shares.h"
#include "lib/rpc/connection_counts.h"

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

// The text that grpc::ServerContext::peer() has for an address, as far as its network goes.
std::string PeerText(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN];
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return absl::StrCat("ipv4:", inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text)), ":0");
  }
  if (address.ss_family != AF_INET6) return "unix:";
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  return absl::StrCat("ipv6:[", inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text)), "]:0");
}

// 0: not a port.
int PortOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return 0;
}

uint64_t InodeOf(int fd) {
  struct stat stat {};
  return fstat(fd, &stat) == 0 ? stat.st_ino : 0;
}

// Thread-safe.
class Bounds {
 public:
  void Set(int port, size_t most) {
    MutexLock lock(&mutex_);
    most_[port] = most;
  }
  void Unset(int port) {
    MutexLock lock(&mutex_);
    most_.erase(port);
  }

  // Counts a connection that was accepted; false when its network has enough.
  bool Admit(int connection) {
    sockaddr_storage here{}, there{};
    socklen_t length = sizeof(here);
    if (getsockname(connection, reinterpret_cast<sockaddr*>(&here), &length) != 0) return true;
    length = sizeof(there);
    if (getpeername(connection, reinterpret_cast<sockaddr*>(&there), &length) != 0) return true;
    MutexLock lock(&mutex_);
    const auto bound = most_.find(PortOf(here));
    if (bound == most_.end()) return true;
    const std::string network = NetworkOfCaller(PeerText(there));
    if (counts_.Add(absl::StrCat(bound->first, " ", network), connection, InodeOf(connection),
                    bound->second, [](int fd, uint64_t inode) { return InodeOf(fd) == inode; })) {
      return true;
    }
    LogLocked(network, bound->second);
    return false;
  }

 private:
  void LogLocked(const std::string& network, size_t most) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const absl::Time now = Clock::Real()->Monotonic();
    if (now - last_log_ < kLogPause) return;
    last_log_ = now;
    LogWarning("connections_refused",
               {{"network", network},
                {"connections", most},
                {"why",
                 "this network has as many as it may have; if many peers share the address, raise "
                 "--connections"}});
  }

  Mutex mutex_;
  std::map<int, size_t> most_ ABSL_GUARDED_BY(mutex_);  // by port
  ConnectionCounts counts_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_log_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

// Never destroyed, as TheReserve.
Bounds& TheBounds() {
  static Bounds& bounds = *new Bounds;
  return bounds;
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

size_t MostOfDescriptors() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return kFewDescriptors;
  return files.rlim_cur - files.rlim_cur / 4;
}

}  // namespace

// Accepts the next connection whose network has not enough of them.
int AcceptBounded(int listener, sockaddr* address, socklen_t* length, int flags) {
  const socklen_t room = length == nullptr ? 0 : *length;
  while (true) {
    const int connection = Accept4(listener, address, length, flags);
    if (connection < 0 || TheBounds().Admit(connection)) return connection;
    close(connection);
    if (length != nullptr) *length = room;
  }
}

ConnectionBound::ConnectionBound(int port, size_t most) : port_(port) {
  if (most > 0) TheBounds().Set(port_, std::min(most, MostOfDescriptors()));
}

ConnectionBound::~ConnectionBound() { TheBounds().Unset(port_); }

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
  const int connection = arkshare::AcceptBounded(fd, address, length, flags);
  if (connection < 0) errno = arkshare::SurvivableError(fd, errno);
  return connection;
}
