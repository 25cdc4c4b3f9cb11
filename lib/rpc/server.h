// One gRPC server as all our programs need it: one bound address, health, reflection, keepalive,
// limits, and an end that drains.
#ifndef ARKSHARE_LIB_RPC_SERVER_H_
#define ARKSHARE_LIB_RPC_SERVER_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/rpc/credentials.h"

namespace arkshare {

class SocketLock;

struct RpcServerOptions {
  // "IP:PORT" (port 0: any free one), "[IPv6]:PORT", or "unix:PATH".
  std::string listen;
  TlsOptions tls{};
  // Allows a non-loopback address without TLS.
  bool insecure = false;
  // The largest message taken, bytes.
  int max_receive_bytes = 4 * 1024 * 1024;
  // Streams and calls that one connection may have open at a time.
  int max_streams_per_connection = 256;
  // More settings of a caller's own, applied last.
  std::function<void(grpc::ServerBuilder&)> configure{};
};

// Thread-safe.
class RpcServer {
 public:
  // Binds exclusively (a port in use is an error, never shared), then serves `services` plus
  // grpc.health.v1 and reflection v1alpha. Health of "" and of each service starts as NOT_SERVING
  // until SetServing(true).
  //
  // A unix socket gets a folder of mode 0700 (created when missing), a lock file beside it that is
  // held as long as the server lives, and replaces the stale socket of a killed server; paths over
  // 107 bytes are refused. Errors, all for people: InvalidArgument (address, TLS files, plaintext
  // on a non-loopback address without `insecure`), AlreadyExists (port or socket in use),
  // PermissionDenied.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(RpcServerOptions options,
                                                          std::vector<grpc::Service*> services);
  ~RpcServer();

  // "IP:PORT" with the port that was bound, or "unix:PATH".
  const std::string& address() const { return address_; }
  int port() const { return port_; }

  // What the health service says, of "" and of each service.
  void SetServing(bool serving);

  // Takes no new calls, lets running ones end for at most `grace`, then cancels them. Blocks.
  // Never call it from a handler. Idempotent.
  void Shutdown(absl::Duration grace);

 private:
  RpcServer();

  // Before server_: given back only after gRPC has removed its socket.
  std::unique_ptr<SocketLock> socket_lock_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> service_names_;
  std::string address_;
  int port_ = 0;
};

struct HostPort {
  std::string host;  // without brackets
  int port = 0;      // 0 to 65535

  std::string ToString() const;  // brackets an IPv6 host
};
// Splits "HOST:PORT" and "[IPv6]:PORT"; InvalidArgument says what is wrong.
absl::StatusOr<HostPort> ParseHostPort(const std::string& text);
// Why no server can listen there now: AlreadyExists, PermissionDenied, InvalidArgument; Unavailable
// when one can. The host must be numeric.
absl::Status ExplainBindFailure(const HostPort& host_port);
// True for 127.0.0.0/8, ::1, IPv4 loopback mapped into IPv6, and "localhost".
bool IsLoopbackHost(const std::string& host);

// The defaults that every program of ours wants before its first allocation: malloc thresholds that
// suit messages of 1 MiB, and as many open files as the machine allows. Call first in main.
void TuneProcess();

// Blocks SIGTERM and SIGINT in this thread and in all that it starts: call in main before anything
// starts. WaitForStopSignal returns when one of them arrives, or when RequestStop was called.
void BlockStopSignals();
void WaitForStopSignal();
// From any thread or handler.
void RequestStop();

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_SERVER_H_
