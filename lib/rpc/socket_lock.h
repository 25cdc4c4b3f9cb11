// A lock on the path of a unix socket.
#ifndef ARKSHARE_LIB_RPC_SOCKET_LOCK_H_
#define ARKSHARE_LIB_RPC_SOCKET_LOCK_H_

#include <absl/status/statusor.h>

#include <memory>
#include <string>

namespace arkshare {

// Locks PATH.lock (flock), so that a second server is refused instead of silently taking over. The
// lock ends with the process, also after a crash.
class SocketLock {
 public:
  // Makes the missing folder (0700), takes the lock, and removes the socket of a killed server.
  // Errors:
  // - InvalidArgument: the path is longer than 107 bytes, or another kind of file has the path.
  // - PermissionDenied: other users can enter the folder, or this user cannot.
  // - AlreadyExists: another server holds the lock.
  static absl::StatusOr<std::unique_ptr<SocketLock>> Acquire(const std::string& path);
  ~SocketLock();
  SocketLock(const SocketLock&) = delete;
  SocketLock& operator=(const SocketLock&) = delete;

 private:
  explicit SocketLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_SOCKET_LOCK_H_
