#include "services/peer/disk/read_lease.h"

#include <fcntl.h>

#include <cerrno>
#include <csignal>

namespace arkshare {

ReadLease::ReadLease(int fd) : fd_(fd) {
  // A program that wants to write makes the kernel send a signal. The default SIGIO would end the
  // process; SIGURG does nothing, and Broken() tells.
  if (::fcntl(fd_, F_SETSIG, SIGURG) != 0) return;
  held_ = ::fcntl(fd_, F_SETLEASE, F_RDLCK) == 0;
  refused_ = !held_ && errno == EAGAIN;
}

ReadLease::~ReadLease() {
  if (held_) ::fcntl(fd_, F_SETLEASE, F_UNLCK);
}

bool ReadLease::Broken() const { return held_ && ::fcntl(fd_, F_GETLEASE) != F_RDLCK; }

}  // namespace arkshare
