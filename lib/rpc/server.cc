#include "lib/rpc/server.h"

#include <absl/status/status.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <grpcpp/channel.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_initializer.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "grpc/health/v1/health.pb.h"
#include "lib/core/clock.h"
#include "lib/rpc/accept_guard.h"
#include "lib/rpc/call_guard.h"
#include "lib/rpc/credentials.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/socket_lock.h"

namespace arkshare {
namespace {

constexpr char kUnixPrefix[] = "unix:";
// Threads beside those of the calls that a server takes: some wait for calls, and the others refuse
// calls with a reason. Beyond them gRPC refuses calls by itself.
constexpr int kRefusingThreads = 64;

// Collects the names of a server's services, because a grpc::Service does not have its name.
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

// While an object lives, only the owner can use new files and sockets. The umask belongs to the
// whole process, so keep the lifetime short.
class PrivateUmask {
 public:
  PrivateUmask() : previous_(umask(077)) {}
  ~PrivateUmask() { umask(previous_); }

 private:
  const mode_t previous_;
};

// A compressed message of a kilobyte can become a megabyte before its size is checked. So no filter
// inflates messages, and a call that announces compression ends with UNIMPLEMENTED.
void RefuseCompression(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  for (int i = GRPC_COMPRESS_NONE + 1; i < GRPC_COMPRESS_ALGORITHMS_COUNT; ++i) {
    const auto algorithm = static_cast<grpc_compression_algorithm>(i);
    builder.SetCompressionAlgorithmSupportStatus(algorithm, /*enabled=*/false);
  }
}

void BoundCalls(const CallBounds& bounds, grpc::ServerBuilder& builder) {
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> guards;
  guards.push_back(std::make_unique<CallGuard>(bounds, Clock::Real()));
  builder.experimental().SetInterceptorCreators(std::move(guards));
  grpc::ResourceQuota quota;
  quota.SetMaxThreads(static_cast<int>(bounds.most_in_all) + kRefusingThreads);
  builder.SetResourceQuota(quota);
}

void SetCommonOptions(const RpcServerOptions& options, grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // The default minimum of five minutes would close the connections of clients with keepalive.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams_per_connection);
  builder.SetMaxReceiveMessageSize(options.max_receive_bytes);
  RefuseCompression(builder);
  if (options.calls) BoundCalls(*options.calls, builder);
}

}  // namespace

RpcServer::RpcServer() = default;

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(RpcServerOptions options,
                                                            std::vector<grpc::Service*> services) {
  std::unique_ptr<RpcServer> server(new RpcServer());
  const bool is_unix = absl::StartsWith(options.listen, kUnixPrefix);
  HostPort host_port;
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  GuardAccept();
  if (!is_unix) {
    absl::StatusOr<HostPort> parsed = ParseHostPort(options.listen);
    if (!parsed.ok()) return parsed.status();
    host_port = *std::move(parsed);
    if (host_port.host == "localhost") host_port.host = "127.0.0.1";
    if (!ToSocketAddress(host_port).has_value()) return NotNumericError(host_port);
    if (options.credentials == nullptr && !options.tls.enabled() && !options.insecure &&
        !IsLoopbackHost(host_port.host)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "will not listen on ", options.listen, " without TLS: give --tls-cert, --tls-key and ",
          "--tls-ca, or --insecure if every machine in that network may read and change all data"));
    }
    credentials = options.credentials;
    if (credentials == nullptr) {
      absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> made =
          MakeServerCredentials(options.tls);
      if (!made.ok()) return made.status();
      credentials = *std::move(made);
    }
  }

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // Reflection finds the description of grpc.health.v1 only if its file is linked.
  (void)grpc::health::v1::HealthCheckRequest::descriptor();
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
    if (absl::Status s = server->Listen(builder, options, host_port, credentials); !s.ok()) {
      return s;
    }
  }
  server->SetServing(false);
  return server;
}

absl::Status RpcServer::Listen(grpc::ServerBuilder& builder, const RpcServerOptions& options,
                               HostPort address,
                               const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  int port = address.port;
  if (options.adopts) {
    MutexLock lock(&mutex_);
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
  } else {
    builder.AddListeningPort(address.ToString(), credentials, &port);
  }
  if (options.configure) options.configure(builder);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port <= 0) return ExplainBindFailure(address);
  port_ = address.port = port;
  address_ = address.ToString();
  connection_bound_ = std::make_unique<ConnectionBound>(port, options.connections_of_network);
  return absl::OkStatus();
}

void RpcServer::Adopt(int fd) {
  MutexLock lock(&mutex_);
  if (acceptor_ == nullptr) {
    close(fd);
    return;
  }
  // As gRPC does with those that it accepts: otherwise a handshake waits for the other side's
  // delayed acknowledgements.
  const int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.fd = fd;
  acceptor_->HandleNewConnection(&connection);
}

RpcServer::~RpcServer() { Shutdown(absl::ZeroDuration()); }

std::shared_ptr<grpc::Channel> RpcServer::InProcess() const {
  return server_->InProcessChannel(grpc::ChannelArguments());
}

void RpcServer::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  health->SetServingStatus("", serving);
  for (const std::string& name : service_names_) health->SetServingStatus(name, serving);
}

void RpcServer::Shutdown(absl::Duration grace) {
  if (server_ == nullptr) return;
  SetServing(false);
  {
    MutexLock lock(&mutex_);
    acceptor_ = nullptr;
  }
  server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoNanoseconds(grace));
}

}  // namespace arkshare
