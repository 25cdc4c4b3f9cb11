// Keeps the listeners of gRPC alive when the process runs out of file descriptors.
#ifndef ARKSHARE_LIB_RPC_ACCEPT_GUARD_H_
#define ARKSHARE_LIB_RPC_ACCEPT_GUARD_H_

namespace arkshare {

// A listener of gRPC 1.51 never accepts again once accept4 has failed with anything but EAGAIN and
// EINTR, for example without a free file descriptor. accept_guard.cc therefore defines accept4 for
// the whole process. It closes connections for which there is no descriptor, so their clients try
// again, and hides errors that concern one connection only.
//
// Keeps one descriptor in reserve for that. Logs a warning when the limit of descriptors is low.
// Call before a server listens. Thread-safe, cheap after the first call.
void GuardAccept();

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_ACCEPT_GUARD_H_
