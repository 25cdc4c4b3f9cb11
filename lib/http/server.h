// A small HTTP/1.1 server: one address, a thread for each connection, and limits.
#ifndef ARKSHARE_LIB_HTTP_SERVER_H_
#define ARKSHARE_LIB_HTTP_SERVER_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <memory>
#include <string>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/http/message.h"
#include "lib/rpc/idle_watchdog.h"

struct MHD_Daemon;

namespace arkshare {

struct HttpServerOptions {
  std::string listen{};  // "IP:PORT" or "[IPv6]:PORT"; port 0: any free one
  // The most connections at a time. Further ones are closed at once.
  unsigned connections = 64;
  // The longest body that is collected in memory, in bytes.
  size_t max_body = 4 * 1024 * 1024;
  // A connection ends when nothing moves on it for this long. Whole seconds.
  absl::Duration idle = absl::Seconds(60);
  // And when a request and its collected body are not whole within this time.
  absl::Duration request_limit = absl::Seconds(60);
  const Clock* clock = Clock::Real();
};

// Thread-safe. It is plain HTTP: what is secret belongs on loopback, or behind a proxy with TLS.
class HttpServer {
 public:
  // Binds exclusively, then serves. `handler` must outlive the server. Errors, with messages for
  // people: those of ExplainBindFailure.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(HttpServerOptions options,
                                                           HttpHandler* handler);
  // The same for a handler that needs to know the address: `make` is called when it is bound, and
  // returns the handler.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      HttpServerOptions options, absl::FunctionRef<HttpHandler*(const HttpServer&)> make);
  // Stops the handler, gives running requests a moment to end in order, then ends all connections.
  // Blocks until their threads have ended. Never call it from a handler.
  ~HttpServer();

  // Returns "IP:PORT" with the port that was bound.
  const std::string& address() const { return address_; }
  int port() const { return port_; }

 private:
  // The functions that libmicrohttpd calls.
  struct Callbacks;

  explicit HttpServer(HttpServerOptions options);
  absl::Status Listen();
  absl::Status Serve();
  void CountRunning(int change);
  // Waits until no request runs, but not for long.
  void AwaitRunning();

  const HttpServerOptions options_;
  HttpHandler* handler_ = nullptr;
  IdleWatchdog slow_requests_;
  std::string address_;
  int port_ = 0;
  int socket_ = -1;  // bound, and not yet libmicrohttpd's
  MHD_Daemon* daemon_ = nullptr;
  Mutex mutex_;
  CondVar ended_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;  // requests
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_HTTP_SERVER_H_
