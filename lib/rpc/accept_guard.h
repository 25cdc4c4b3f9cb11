// Keeps the listeners of gRPC alive when the process runs out of file descriptors, and bounds the
// connections of each network.
#ifndef ARKSHARE_LIB_RPC_ACCEPT_GUARD_H_
#define ARKSHARE_LIB_RPC_ACCEPT_GUARD_H_

#include <cstddef>

namespace arkshare {

// A listener of gRPC 1.51 never accepts again once accept4 has failed with anything but EAGAIN and
// EINTR, for example without a free file descriptor. accept_guard.cc therefore defines accept4 for
// the whole process. It closes connections for which there is no descriptor, so their clients try
// again, and hides errors that concern one connection only.
//
// Keeps one descriptor in reserve for that. Logs a warning when the limit of descriptors is low.
// Call before a server listens. Thread-safe, cheap after the first call.
void GuardAccept();

// While an object lives, accept4 closes further connections from a network (NetworkOfCaller) that
// has `most` connections to `port`; 0: no limit. A network never gets more than three quarters of
// the process's descriptors, so others are left for the other networks. Several programs behind one
// address share its connections. Thread-safe.
class ConnectionBound {
 public:
  ConnectionBound(int port, size_t most);
  ~ConnectionBound();
  ConnectionBound(const ConnectionBound&) = delete;
  ConnectionBound& operator=(const ConnectionBound&) = delete;

 private:
  const int port_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_ACCEPT_GUARD_H_
