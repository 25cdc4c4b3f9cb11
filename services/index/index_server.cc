#include "services/index/index_server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "services/index/peer_ids.h"

namespace arkshare {
namespace {

// For the streams to end, and then for the calls.
constexpr absl::Duration kGrace = absl::Milliseconds(500);
// Lapsed leases are noticed when they are due; this is for the rest, and for clocks that jump.
constexpr absl::Duration kHousekeeping = absl::Milliseconds(100);

}  // namespace

absl::StatusOr<std::unique_ptr<IndexServer>> IndexServer::Start(IndexOptions options) {
  Sessions::Options session_options;
  session_options.lease = options.lease;
  if (!options.state_file.empty()) {
    absl::StatusOr<PeerIds> ids = PeerIds::Load(options.state_file);
    if (!ids.ok()) return ids.status();
    // A folder that cannot be written to is better found out now.
    const absl::Status saved = WriteFileAtomically(options.state_file, ids->Serialize());
    if (!saved.ok()) return saved;
    session_options.peer_ids = *std::move(ids);
  }
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
      MakeChannelCredentials(options.tls);
  if (!credentials.ok()) return credentials.status();

  std::unique_ptr<IndexServer> server(
      new IndexServer(std::move(options), std::move(session_options), *std::move(credentials)));
  RpcServerOptions rpc_options;
  rpc_options.listen = server->options_.listen;
  rpc_options.tls = server->options_.tls;
  rpc_options.insecure = server->options_.insecure;
  absl::StatusOr<std::unique_ptr<RpcServer>> rpc =
      RpcServer::Start(std::move(rpc_options), {&server->service_});
  if (!rpc.ok()) return rpc.status();
  server->rpc_ = *std::move(rpc);
  server->housekeeper_ = std::thread([server = server.get()] { server->KeepHouse(); });
  if (server->options_.print_table) server->printer_.Start(&server->catalog_);
  server->rpc_->SetServing(true);
  return server;
}

IndexServer::IndexServer(IndexOptions options, Sessions::Options session_options,
                         std::shared_ptr<grpc::ChannelCredentials> credentials)
    : options_(std::move(options)),
      printer_(stdout),
      catalog_({options_.max_books, [this] { printer_.Changed(); }}),
      sessions_(std::move(session_options), options_.clock, &catalog_),
      service_({std::move(credentials), options_.dial_back_timeout}, &catalog_, &sessions_) {}

IndexServer::~IndexServer() { Stop(); }

void IndexServer::Stop() {
  service_.EndStreams(kGrace);
  if (rpc_ != nullptr) rpc_->Shutdown(kGrace);
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stop_cv_.NotifyAll();
  }
  if (housekeeper_.joinable()) housekeeper_.join();
  printer_.Stop();
}

void IndexServer::KeepHouse() {
  while (true) {
    const absl::Duration next_lapse = sessions_.Expire();
    while (catalog_.Reclaim()) {
    }
    SaveIds();
    MutexLock lock(&mutex_);
    if (!stopping_) {
      stop_cv_.WaitFor(&mutex_, std::clamp(next_lapse, absl::Milliseconds(1), kHousekeeping));
    }
    if (stopping_) break;
  }
  SaveIds();
}

void IndexServer::SaveIds() {
  const std::optional<std::string> ids = sessions_.TakeChangedIds();
  if (!ids.has_value()) return;
  const absl::Status saved = WriteFileAtomically(options_.state_file, *ids);
  if (!saved.ok()) spdlog::error("state not saved error=\"{}\"", std::string(saved.message()));
}

}  // namespace arkshare
