// Bounds the open calls of a server whose handlers have a thread each.
#ifndef ARKSHARE_LIB_RPC_CALL_GUARD_H_
#define ARKSHARE_LIB_RPC_CALL_GUARD_H_

#include <grpcpp/support/server_interceptor.h>

#include <string>

#include "lib/core/clock.h"
#include "lib/rpc/call_bounds.h"
#include "lib/rpc/caller_shares.h"
#include "lib/rpc/idle_watchdog.h"

namespace arkshare {

// Counts every call of a server but those of CallBounds::uncounted_method, of all its services,
// from its first byte until gRPC has sent its end. It cancels a call beyond the bounds, and one
// whose caller does not take the answer for 30 seconds: until then such a call keeps the thread of
// its handler, also when the handler has returned. The limit of streams of a connection is no help
// against a client that does not acknowledge it (RFC 9113, 6.5.3).
//
// gRPC makes one object for each call. Thread-safe.
class CallGuard final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  CallGuard(const CallBounds& bounds, const Clock* clock);

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* call) override;

 private:
  class Call;

  const std::string uncounted_method_;
  CallerShares shares_;
  IdleWatchdog watchdog_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CALL_GUARD_H_
