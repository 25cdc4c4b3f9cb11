// The right to serve on the path of a unix socket.
#ifndef ARKSHARE_LIB_RPC_SOCKET_LOCK_H_
#define ARKSHARE_LIB_RPC_SOCKET_LOCK_H_

#include <absl/status/statusor.h>

#include <memory>
#include <string>

namespace arkshare {

// Holds PATH.lock (flock), so that a second server is refused instead of silently taking over.
// The lock ends with the process, however it ends.
class SocketLock {
 public:
  // Makes the folder (0700) when it is missing, takes the lock and removes the socket of a killed
  // server. Errors: InvalidArgument (a path over 107 bytes, or something else in its place),
  // PermissionDenied (a folder that others can enter), AlreadyExists (another server).
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
