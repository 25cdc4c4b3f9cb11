// A gRPC server with one bound address, health, reflection, keepalive, limits and a graceful end.
#ifndef ARKSHARE_LIB_RPC_SERVER_H_
#define ARKSHARE_LIB_RPC_SERVER_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/rpc/call_bounds.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/tls_options.h"

// Declared only: gRPC's headers would cost each includer seconds of build time.
namespace grpc {
class Channel;
class Server;
class ServerBuilder;
class ServerCredentials;
class Service;
namespace experimental {
class ExternalConnectionAcceptor;
}
}  // namespace grpc

namespace arkshare {

class ConnectionBound;
class SocketLock;

struct RpcServerOptions {
  // "IP:PORT" (port 0: any free port), "[IPv6]:PORT", or "unix:PATH".
  std::string listen;
  // The server does not bind `listen`. The caller listens there, and gives connections to Adopt.
  // Not for a unix socket.
  bool adopts = false;
  TlsOptions tls{};
  // In place of `tls`, see MakeKeyServerCredentials. Not for a unix socket.
  std::shared_ptr<grpc::ServerCredentials> credentials{};
  // Allows a non-loopback address without TLS.
  bool insecure = false;
  // The largest message that the server accepts, in bytes.
  int max_receive_bytes = 4 * 1024 * 1024;
  // The most streams and calls that one connection may have open at a time.
  int max_streams_per_connection = 256;
  // For a server whose handlers have a thread each: the most open calls, see CallGuard. The server
  // then has that many threads and a few more, which refuse calls. Calls of the callback API never
  // wait for a thread.
  std::optional<CallBounds> calls{};
  // The most connections of one network (ConnectionBound); 0: no limit. Not for a unix socket.
  size_t connections_of_network = 0;
  // The caller's own settings, applied last.
  std::function<void(grpc::ServerBuilder&)> configure{};
};

// Thread-safe.
class RpcServer {
 public:
  // Binds exclusively (a port in use is an error, never shared), then serves `services` plus
  // grpc.health.v1 and reflection v1alpha. The health of "" and of each service is NOT_SERVING
  // until SetServing(true).
  //
  // For a unix socket, creates the missing folder with mode 0700, holds a lock file beside the
  // socket while the server lives, and replaces the stale socket of a killed server.
  //
  // Errors, with messages for people:
  // - InvalidArgument: the address or the TLS files are wrong, the path of the socket is longer
  //   than 107 bytes, or a non-loopback address has neither TLS nor `insecure`.
  // - AlreadyExists: the port or the socket is in use.
  // - PermissionDenied: the port needs root, or other users can enter the socket's folder.
  // - Unavailable: try again.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(RpcServerOptions options,
                                                          std::vector<grpc::Service*> services);
  ~RpcServer();

  // "IP:PORT" with the bound port, or "unix:PATH".
  const std::string& address() const { return address_; }
  // The bound port; 0 for a unix socket.
  int port() const { return port_; }

  // Serves a connection that was accepted at address(), as if the server had accepted it, and
  // closes it at its end; at once after Shutdown. It must not block. Only with
  // RpcServerOptions::adopts.
  void Adopt(int fd);

  // Returns a channel to this server that stays within the process. It must not outlive the server.
  std::shared_ptr<grpc::Channel> InProcess() const;

  // Sets the health of "" and of each service.
  void SetServing(bool serving);

  // Takes no new calls, waits at most `grace` for running calls, then cancels them. Blocks. Never
  // call it from a handler. Idempotent.
  void Shutdown(absl::Duration grace);

 private:
  RpcServer();
  // Binds the address, or prepares to adopt connections, and serves.
  absl::Status Listen(grpc::ServerBuilder& builder, const RpcServerOptions& options,
                      HostPort address,
                      const std::shared_ptr<grpc::ServerCredentials>& credentials);

  // Declared before server_, so that gRPC removes its socket before the lock ends.
  std::unique_ptr<SocketLock> socket_lock_;
  std::unique_ptr<ConnectionBound> connection_bound_;
  std::unique_ptr<grpc::Server> server_;
  Mutex mutex_;
  // Null: it adopts no connections (any more). gRPC leaks those that it gets after its shutdown.
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> service_names_;
  std::string address_;
  int port_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_SERVER_H_
