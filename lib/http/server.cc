#include "lib/http/server.h"

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/rpc/accept_guard.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

// The headers of a request must fit into it, and so must what is sent at a time.
constexpr size_t kConnectionMemory = 256 * 1024;
// The bytes of a body that are asked of its source at a time.
constexpr size_t kSourceBlock = 64 * 1024;
// The bytes of a body that are read only to answer that it is too long.
constexpr size_t kMostDiscarded = 1024 * 1024;
// How long the end of the server waits for answers that are being sent.
constexpr absl::Duration kGrace = absl::Milliseconds(500);

// One request and what becomes of it.
struct Exchange {
  HttpRequest request;
  bool begun = false;
  std::unique_ptr<BodySink> sink;
  bool sink_full = false;
  size_t discarded = 0;  // bytes of the body that no part of the program wants
  // The answer, when it is known before the whole body is here.
  std::optional<HttpResponse> refusal;
};

// One connection. Its watch is there while a request is awaited or comes in.
struct Connection {
  std::optional<IdleWatchdog::Watch> watch;
};

void WatchRequest(IdleWatchdog* dog, absl::Duration limit, int socket, Connection* connection) {
  connection->watch.emplace(dog, limit, [socket] { shutdown(socket, SHUT_RDWR); });
}

int SocketOf(MHD_Connection* connection) {
  return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

Connection* ConnectionOf(MHD_Connection* connection) {
  return static_cast<Connection*>(
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context);
}

ssize_t ReadSource(void* source, uint64_t /*position*/, char* buffer, size_t size) {
  const std::optional<size_t> read = static_cast<BodySource*>(source)->Read(buffer, size);
  if (!read.has_value()) return MHD_CONTENT_READER_END_WITH_ERROR;
  if (*read == 0) return MHD_CONTENT_READER_END_OF_STREAM;
  return static_cast<ssize_t>(*read);
}

void FreeSource(void* source) { delete static_cast<BodySource*>(source); }

MHD_Response* MakeBody(HttpResponse& response) {
  if (response.source != nullptr) {
    return MHD_create_response_from_callback(response.source_size.value_or(MHD_SIZE_UNKNOWN),
                                             kSourceBlock, ReadSource, response.source.release(),
                                             FreeSource);
  }
  if (!response.fixed.empty()) {
    return MHD_create_response_from_buffer(
        response.fixed.size(), const_cast<char*>(response.fixed.data()), MHD_RESPMEM_PERSISTENT);
  }
  return MHD_create_response_from_buffer(response.body.size(), response.body.data(),
                                         MHD_RESPMEM_MUST_COPY);
}

MHD_Result Send(MHD_Connection* connection, HttpResponse response) {
  MHD_Response* const made = MakeBody(response);
  if (made == nullptr) return MHD_NO;
  for (const auto& [name, value] : response.headers) {
    MHD_add_response_header(made, name.c_str(), value.c_str());
  }
  const MHD_Result queued =
      MHD_queue_response(connection, static_cast<unsigned>(response.status), made);
  MHD_destroy_response(made);
  return queued;
}

HttpResponse TooLong(size_t max_body) {
  return TextResponse(413, absl::StrCat("the body is longer than ", max_body, " bytes"));
}

MHD_Result AddHeader(void* request, MHD_ValueKind /*kind*/, const char* name, size_t name_size,
                     const char* value, size_t value_size) {
  static_cast<HttpRequest*>(request)->headers.emplace_back(
      absl::AsciiStrToLower(absl::string_view(name, name_size)),
      value == nullptr ? "" : std::string(value, value_size));
  return MHD_YES;
}

// Binds a listening socket that no other program can share; -1 when that fails.
int Bind(const SocketAddress& address) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const int on = 1;
  // Not SO_REUSEPORT: this lets a restarted program listen while old connections fade out.
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.storage.ss_family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0 &&
      listen(fd, SOMAXCONN) == 0) {
    return fd;
  }
  close(fd);
  return -1;
}

int BoundPort(int fd) {
  SocketAddress bound;
  bound.length = sizeof(bound.storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound.storage), &bound.length) != 0) return 0;
  // The port is at the same place in both.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&bound.storage)->sin_port);
}

}  // namespace

struct HttpServer::Callbacks {
  static void OnConnection(void* cls, MHD_Connection* connection, void** context,
                           MHD_ConnectionNotificationCode code) {
    auto* const server = static_cast<HttpServer*>(cls);
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
      delete static_cast<Connection*>(*context);
      *context = nullptr;
      return;
    }
    auto* const made = new Connection;
    WatchRequest(&server->slow_requests_, server->options_.request_limit, SocketOf(connection),
                 made);
    *context = made;
  }

  // Called with the target as it was sent, before anything else of a request.
  static void* OnTarget(void* cls, const char* target, MHD_Connection* /*connection*/) {
    static_cast<HttpServer*>(cls)->CountRunning(1);
    auto* const exchange = new Exchange;
    exchange->request.target = target;
    return exchange;
  }

  static size_t Unchanged(void* /*cls*/, MHD_Connection* /*connection*/, char* text) {
    return absl::string_view(text).size();
  }

  static void OnEnd(void* cls, MHD_Connection* connection, void** context,
                    MHD_RequestTerminationCode code) {
    auto* const server = static_cast<HttpServer*>(cls);
    delete static_cast<Exchange*>(*context);
    *context = nullptr;
    server->CountRunning(-1);
    Connection* const kept = ConnectionOf(connection);
    if (kept != nullptr && code == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
      WatchRequest(&server->slow_requests_, server->options_.request_limit, SocketOf(connection),
                   kept);
    }
  }

  // Called when the headers are here, then for each part of the body, then when it is whole.
  static MHD_Result OnRequest(void* cls, MHD_Connection* connection, const char* /*url*/,
                              const char* method, const char* version, const char* bytes,
                              size_t* size, void** context) {
    auto* const server = static_cast<HttpServer*>(cls);
    auto* const exchange = static_cast<Exchange*>(*context);
    if (!exchange->begun) return Begin(server, connection, method, version, exchange);
    if (*size > 0) {
      const absl::string_view part(bytes, *size);
      *size = 0;
      return TakePart(*server, exchange, part);
    }
    return Finish(server, connection, exchange);
  }

  static MHD_Result Begin(HttpServer* server, MHD_Connection* connection, const char* method,
                          const char* version, Exchange* exchange) {
    exchange->begun = true;
    HttpRequest& request = exchange->request;
    request.method = method;
    request.version = version;
    request.socket = SocketOf(connection);
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, AddHeader, &request);
    std::optional<HttpResponse> refusal = CheckForm(request);
    if (refusal.has_value()) return Send(connection, *std::move(refusal));
    refusal = server->handler_->Check(request);
    if (!refusal.has_value()) {
      auto body = server->handler_->TakeBody(request);
      if (auto* const answer = std::get_if<HttpResponse>(&body)) {
        refusal = std::move(*answer);
      } else {
        exchange->sink = std::get<std::unique_ptr<BodySink>>(std::move(body));
      }
    }
    const uint64_t length = request.ContentLength().value_or(0);
    if (!refusal.has_value() && exchange->sink == nullptr && length > server->options_.max_body) {
      refusal = TooLong(server->options_.max_body);
    }
    if (exchange->sink != nullptr) ConnectionOf(connection)->watch.reset();
    if (!refusal.has_value()) return MHD_YES;
    // A short body is read first, and one of unknown length as far as TakePart goes: a connection
    // that is closed with bytes unread loses the answer.
    if (length > server->options_.max_body) {
      return Send(connection, *std::move(refusal));
    }
    exchange->refusal = std::move(refusal);
    return MHD_YES;
  }

  static MHD_Result TakePart(const HttpServer& server, Exchange* exchange, absl::string_view part) {
    if (exchange->sink != nullptr && !exchange->sink_full) {
      exchange->sink_full = !exchange->sink->Write(part);
      return MHD_YES;
    }
    std::string& body = exchange->request.body;
    if (exchange->sink == nullptr && !exchange->refusal.has_value()) {
      if (body.size() + part.size() <= server.options_.max_body) {
        body.append(part.data(), part.size());
        return MHD_YES;
      }
      exchange->refusal = TooLong(server.options_.max_body);
    }
    // No answer can be sent before the body is over, and an endless one is not waited for.
    exchange->discarded += part.size();
    const bool endless = !exchange->request.ContentLength().has_value();
    return endless && exchange->discarded > kMostDiscarded ? MHD_NO : MHD_YES;
  }

  static MHD_Result Finish(HttpServer* server, MHD_Connection* connection, Exchange* exchange) {
    ConnectionOf(connection)->watch.reset();
    // Otherwise a connection whose answer took longer than `idle` would end before it is sent.
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    HttpResponse response = Answer(server, exchange);
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, IdleSeconds(*server));
    return Send(connection, std::move(response));
  }

  static HttpResponse Answer(HttpServer* server, Exchange* exchange) {
    if (exchange->refusal.has_value()) return *std::move(exchange->refusal);
    if (exchange->sink != nullptr) return exchange->sink->End();
    return server->handler_->Handle(exchange->request);
  }

  static unsigned IdleSeconds(const HttpServer& server) {
    return static_cast<unsigned>(absl::ToInt64Seconds(server.options_.idle));
  }
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                              HttpHandler* handler) {
  return Start(std::move(options), [handler](const HttpServer&) { return handler; });
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    HttpServerOptions options, absl::FunctionRef<HttpHandler*(const HttpServer&)> make) {
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(options)));
  if (absl::Status s = server->Listen(); !s.ok()) return s;
  server->handler_ = make(*server);
  if (absl::Status s = server->Serve(); !s.ok()) return s;
  return server;
}

HttpServer::HttpServer(HttpServerOptions options)
    : options_(std::move(options)), slow_requests_(options_.clock) {}

absl::Status HttpServer::Listen() {
  absl::StatusOr<HostPort> parsed = ParseHostPort(options_.listen);
  if (!parsed.ok()) return parsed.status();
  HostPort host_port = *std::move(parsed);
  if (host_port.host == "localhost") host_port.host = "127.0.0.1";
  const std::optional<SocketAddress> address = ToSocketAddress(host_port);
  if (!address.has_value()) return NotNumericError(host_port);
  socket_ = Bind(*address);
  if (socket_ < 0) return ExplainBindFailure(host_port);
  port_ = host_port.port = BoundPort(socket_);
  address_ = host_port.ToString();
  return absl::OkStatus();
}

absl::Status HttpServer::Serve() {
  GuardAccept();
  constexpr unsigned kMode =
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC;
  daemon_ =
      MHD_start_daemon(kMode, 0, nullptr, nullptr, Callbacks::OnRequest, this,        //
                       MHD_OPTION_LISTEN_SOCKET, socket_,                             //
                       MHD_OPTION_CONNECTION_LIMIT, options_.connections,             //
                       MHD_OPTION_CONNECTION_TIMEOUT, Callbacks::IdleSeconds(*this),  //
                       MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory,         //
                       MHD_OPTION_STRICT_FOR_CLIENT, 1,                               //
                       MHD_OPTION_UNESCAPE_CALLBACK, Callbacks::Unchanged, nullptr,   //
                       MHD_OPTION_URI_LOG_CALLBACK, Callbacks::OnTarget, this,        //
                       MHD_OPTION_NOTIFY_COMPLETED, Callbacks::OnEnd, this,           //
                       MHD_OPTION_NOTIFY_CONNECTION, Callbacks::OnConnection, this, MHD_OPTION_END);
  if (daemon_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("could not serve on ", address_, ": no threads or memory; try again"));
  }
  socket_ = -1;
  return absl::OkStatus();
}

void HttpServer::CountRunning(int change) {
  MutexLock lock(&mutex_);
  running_ += change;
  if (running_ == 0) ended_.NotifyAll();
}

void HttpServer::AwaitRunning() {
  MutexLock lock(&mutex_);
  const absl::Time end = Clock::Real()->Monotonic() + kGrace;
  while (running_ > 0) {
    const absl::Duration left = end - Clock::Real()->Monotonic();
    if (left <= absl::ZeroDuration()) return;
    ended_.WaitFor(&mutex_, left);
  }
}

HttpServer::~HttpServer() {
  if (daemon_ != nullptr) {
    handler_->Stop();
    AwaitRunning();
    MHD_stop_daemon(daemon_);
  }
  if (socket_ >= 0) close(socket_);
}

}  // namespace arkshare
