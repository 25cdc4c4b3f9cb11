#include "lib/rpc/server.h"

#include <absl/status/status.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_initializer.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "lib/rpc/socket_lock.h"

namespace arkshare {
namespace {

constexpr char kUnixPrefix[] = "unix:";
constexpr char kHostCharacters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";

// Learns the names of the services that a server is built with; grpc::Service does not tell its
// own.
class NameCollector : public grpc::ServerBuilderOption {
 public:
  explicit NameCollector(std::vector<std::string>* names) : names_(names) {}
  void UpdateArguments(grpc::ChannelArguments* /*args*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->push_back(std::make_unique<Plugin>(names_));
  }

 private:
  class Plugin : public grpc::ServerBuilderPlugin {
   public:
    explicit Plugin(std::vector<std::string>* names) : names_(names) {}
    std::string name() override { return "arkshare_service_names"; }
    void InitServer(grpc::ServerInitializer* /*server*/) override {}
    void Finish(grpc::ServerInitializer* server) override {
      for (const std::string& name : *server->GetServiceList()) {
        if (!absl::StartsWith(name, "grpc.")) names_->push_back(name);
      }
    }
    void ChangeArguments(const std::string& /*name*/, void* /*value*/) override {}

   private:
    std::vector<std::string>* const names_;
  };

  std::vector<std::string>* const names_;
};

// New files and sockets are the owner's alone while one of these lives. The umask belongs to the
// whole process: keep it short.
class PrivateUmask {
 public:
  PrivateUmask() : previous_(umask(077)) {}
  ~PrivateUmask() { umask(previous_); }

 private:
  const mode_t previous_;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

// The numeric addresses that a server can bind; nothing for anything else.
std::optional<SocketAddress> ToSocketAddress(const HostPort& host_port) {
  SocketAddress address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, host_port.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(host_port.port));
    address.length = sizeof(*v4);
    return address;
  }
  if (inet_pton(AF_INET6, host_port.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(host_port.port));
    address.length = sizeof(*v6);
    return address;
  }
  return std::nullopt;
}

absl::Status NotNumeric(const std::string& listen) {
  return absl::InvalidArgumentError(absl::StrCat(
      "cannot listen on ", listen, ": give an IP address, such as 127.0.0.1 or 0.0.0.0"));
}

void SetCommonOptions(const RpcServerOptions& options, grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // The default minimum of five minutes closes the connections of clients that keep theirs alive.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams_per_connection);
  builder.SetMaxReceiveMessageSize(options.max_receive_bytes);
}

}  // namespace

// gRPC says why it could not bind to its log alone, so the same is tried once more by hand.
absl::Status ExplainBindFailure(const HostPort& host_port) {
  const std::string listen = host_port.ToString();
  const std::optional<SocketAddress> address = ToSocketAddress(host_port);
  if (!address.has_value()) return NotNumeric(listen);
  const int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int error = errno;
  if (fd >= 0) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const bool bound =
        bind(fd, reinterpret_cast<const sockaddr*>(&address->storage), address->length) == 0 &&
        ::listen(fd, 1) == 0;
    error = bound ? 0 : errno;
    close(fd);
  }
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(
          absl::StrCat("cannot listen on ", listen,
                       ": another program listens there; stop it or choose another port"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(absl::StrCat(
          "cannot listen on ", listen, ": ports below 1024 need root; choose a higher one"));
    case EADDRNOTAVAIL:
      return absl::InvalidArgumentError(absl::StrCat(
          "cannot listen on ", listen, ": no interface of this machine has that address"));
    case 0:
      return absl::UnavailableError(absl::StrCat("could not listen on ", listen, "; try again"));
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("cannot listen on ", listen, ": ", std::strerror(error)));
  }
}

RpcServer::RpcServer() = default;

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(RpcServerOptions options,
                                                            std::vector<grpc::Service*> services) {
  std::unique_ptr<RpcServer> server(new RpcServer());
  const bool is_unix = absl::StartsWith(options.listen, kUnixPrefix);
  HostPort host_port;
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  if (!is_unix) {
    absl::StatusOr<HostPort> parsed = ParseHostPort(options.listen);
    if (!parsed.ok()) return parsed.status();
    host_port = *std::move(parsed);
    if (host_port.host == "localhost") host_port.host = "127.0.0.1";
    if (!ToSocketAddress(host_port).has_value()) return NotNumeric(options.listen);
    if (!options.tls.enabled() && !options.insecure && !IsLoopbackHost(host_port.host)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "will not listen on ", options.listen, " without TLS: give --tls-cert, --tls-key and ",
          "--tls-ca, or --insecure if everybody in that network may read and change everything"));
    }
    absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> made =
        MakeServerCredentials(options.tls);
    if (!made.ok()) return made.status();
    credentials = *std::move(made);
  }

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetCommonOptions(options, builder);
  builder.SetOption(std::make_unique<NameCollector>(&server->service_names_));
  for (grpc::Service* service : services) builder.RegisterService(service);

  if (is_unix) {
    const std::string path = options.listen.substr(sizeof(kUnixPrefix) - 1);
    absl::StatusOr<std::unique_ptr<SocketLock>> lock = SocketLock::Acquire(path);
    if (!lock.ok()) return lock.status();
    server->socket_lock_ = *std::move(lock);
    builder.AddListeningPort(options.listen, credentials);
    if (options.configure) options.configure(builder);
    const PrivateUmask private_umask;
    server->server_ = builder.BuildAndStart();
    if (server->server_ == nullptr) {
      return absl::PermissionDeniedError(absl::StrCat("cannot make the socket ", path));
    }
    server->address_ = options.listen;
  } else {
    int port = 0;
    builder.AddListeningPort(host_port.ToString(), credentials, &port);
    if (options.configure) options.configure(builder);
    server->server_ = builder.BuildAndStart();
    if (server->server_ == nullptr || port <= 0) {
      return ExplainBindFailure(host_port);
    }
    server->port_ = host_port.port = port;
    server->address_ = host_port.ToString();
  }
  server->SetServing(false);
  return server;
}

RpcServer::~RpcServer() { Shutdown(absl::ZeroDuration()); }

void RpcServer::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  health->SetServingStatus("", serving);
  for (const std::string& name : service_names_) health->SetServingStatus(name, serving);
}

void RpcServer::Shutdown(absl::Duration grace) {
  if (server_ == nullptr) return;
  SetServing(false);
  server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoNanoseconds(grace));
}

std::string HostPort::ToString() const {
  return host.find(':') == std::string::npos ? absl::StrCat(host, ":", port)
                                             : absl::StrCat("[", host, "]:", port);
}

absl::StatusOr<HostPort> ParseHostPort(const std::string& text) {
  const auto error = [&](absl::string_view trouble) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not an address: ", trouble,
                                                   "; write HOST:PORT or [IPv6]:PORT"));
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return error("the port is missing");
  HostPort result;
  result.host = text.substr(0, colon);
  const std::string port = text.substr(colon + 1);
  if (!result.host.empty() && result.host.front() == '[') {
    if (result.host.size() < 3 || result.host.back() != ']') return error("a bracket is missing");
    result.host = result.host.substr(1, result.host.size() - 2);
    in6_addr unused;
    if (inet_pton(AF_INET6, result.host.c_str(), &unused) != 1) {
      return error("no IPv6 address stands in the brackets");
    }
  } else if (result.host.find(':') != std::string::npos) {
    return error("an IPv6 address needs brackets");
  }
  if (result.host.empty()) return error("the host is missing");
  if (result.host.find_first_not_of(kHostCharacters) != std::string::npos) {
    return error("the host has a character that no host name has");
  }
  if (port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(port, &result.port) || result.port > 65'535) {
    return error("the port must be a number from 0 to 65535");
  }
  return result;
}

bool IsLoopbackHost(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

}  // namespace arkshare
