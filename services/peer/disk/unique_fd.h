// A file descriptor that closes itself.
#ifndef ARKSHARE_SERVICES_PEER_DISK_UNIQUE_FD_H_
#define ARKSHARE_SERVICES_PEER_DISK_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace arkshare {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~UniqueFd() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int fd_ = -1;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_UNIQUE_FD_H_
