#include "services/index/index_server.h"

#include <grpcpp/server_builder.h>
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "lib/core/limits.h"
#include "lib/core/log.h"
#include "lib/rpc/credentials.h"
#include "lib/rpc/host_port.h"
#include "services/index/book_memory.h"
#include "services/index/files/atomic_file.h"
#include "services/index/metrics/metrics_page.h"
#include "services/index/sessions/peer_ids.h"

namespace arkshare {
namespace {

// How long Stop waits for streams to end, and then for calls.
constexpr absl::Duration kGrace = absl::Milliseconds(500);
// Watchers learn of a change at most this much later. Each message costs one write for each
// watcher.
constexpr absl::Duration kWatchPause = absl::Milliseconds(10);
// Leases end when they are due; this is for the other work, and for clocks that jump.
constexpr absl::Duration kHousekeeping = absl::Milliseconds(100);
// A registration made within this time before a crash is lost, and that peer registers again.
constexpr absl::Duration kSavePause = absl::Seconds(1);
// Peers that come and go leave holes of some pages each, which malloc keeps. Giving them back to
// the kernel holds malloc up for at most ten milliseconds.
constexpr absl::Duration kTrim = absl::Seconds(30);

// Each of ten thousand connections carries little: small buffers, a fixed window instead of pings
// that measure the line, no compression, no bookkeeping for channelz.
void TuneForManyConnections(grpc::ServerBuilder& builder) {
  constexpr int kReadBytes = 1024;
  constexpr int kWindowBytes = 256 * 1024;  // with a round trip of 40 ms, 1,000 books every 20 ms
  builder.AddChannelArgument(GRPC_ARG_TCP_READ_CHUNK_SIZE, kReadBytes);
  builder.AddChannelArgument(GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, 2 * kReadBytes);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);
}

bool ServesOtherMachines(const std::string& listen) {
  const absl::StatusOr<HostPort> address = ParseHostPort(listen);
  return address.ok() && !IsLoopbackHost(address->host);
}

}  // namespace

absl::StatusOr<std::unique_ptr<IndexServer>> IndexServer::Start(IndexOptions options) {
  if (options.lease > kMaxLease) {
    return absl::InvalidArgumentError(
        "--lease is too long: peers refuse an index whose lease is longer than 24h");
  }
  Sessions::Options session_options;
  session_options.lease = options.lease;
  std::unique_ptr<StateLock> state_lock;
  if (!options.state_file.empty()) {
    absl::StatusOr<std::unique_ptr<StateLock>> lock = StateLock::Acquire(options.state_file);
    if (!lock.ok()) return lock.status();
    state_lock = *std::move(lock);
    absl::StatusOr<PeerIds> ids = PeerIds::Load(options.state_file);
    if (!ids.ok()) return ids.status();
    // Find out now if the folder cannot be written to.
    const absl::Status saved = WriteFileAtomically(options.state_file, ids->Serialize());
    if (!saved.ok()) return saved;
    session_options.peer_ids = *std::move(ids);
  }
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
      MakeChannelCredentials(options.tls);
  if (!credentials.ok()) return credentials.status();

  std::unique_ptr<IndexServer> server(
      new IndexServer(std::move(options), std::move(session_options), *std::move(credentials)));
  server->state_lock_ = std::move(state_lock);
  if (!server->options_.metrics.empty()) {
    absl::StatusOr<std::unique_ptr<MetricsServer>> metrics =
        MetricsServer::Start(server->options_.metrics, server->options_.metrics_public,
                             std::make_shared<MetricsPage>(&server->service_.stats(),
                                                           &server->catalog_, &server->sessions_));
    if (!metrics.ok()) return metrics.status();
    server->metrics_ = *std::move(metrics);
  }
  RpcServerOptions rpc_options;
  rpc_options.listen = server->options_.listen;
  rpc_options.tls = server->options_.tls;
  rpc_options.insecure = server->options_.insecure;
  rpc_options.connections_of_network = server->options_.connections;
  rpc_options.configure = TuneForManyConnections;
  absl::StatusOr<std::unique_ptr<RpcServer>> rpc =
      RpcServer::Start(std::move(rpc_options), {&server->service_});
  if (!rpc.ok()) return rpc.status();
  server->rpc_ = *std::move(rpc);
  server->housekeeper_ = std::thread([server = server.get()] { server->RunHousekeeping(); });
  if (server->options_.print_table) server->printer_.Start(&server->catalog_);
  server->rpc_->SetServing(true);
  return server;
}

IndexServer::IndexServer(IndexOptions options, Sessions::Options session_options,
                         std::shared_ptr<grpc::ChannelCredentials> credentials)
    : options_(std::move(options)),
      printer_(stdout),
      catalog_({options_.max_books,
                options_.max_memory == 0 ? DefaultBookMemory() : options_.max_memory,
                [this] { printer_.Changed(); }, kWatchPause, options_.clock}),
      sessions_(std::move(session_options), options_.clock, &catalog_),
      service_({options_.tls.enabled() ? std::move(credentials) : nullptr,
                options_.dial_back_timeout, ServesOtherMachines(options_.listen),
                options_.max_books, options_.max_watches, options_.refusal_pause, options_.clock},
               &catalog_, &sessions_) {}

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

void IndexServer::RunHousekeeping() {
  absl::Time next_save = absl::InfinitePast();
  absl::Time next_trim = absl::InfinitePast();
  while (true) {
    const absl::Duration next_lapse = sessions_.Expire();
    service_.CheckReach();
    // In slices: a million books take seconds, and meanwhile leases end.
    const bool more_to_reclaim = catalog_.Reclaim();
    const absl::Time now = options_.clock->Monotonic();
    if (now >= next_save) {
      SaveIds();
      next_save = now + kSavePause;
    }
    if (now >= next_trim) {
      malloc_trim(0);
      next_trim = now + kTrim;
    }
    MutexLock lock(&mutex_);
    if (!stopping_ && !more_to_reclaim) {
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
  if (saved != last_save_) {
    // Once, and not every second: a full disk may stay full for days.
    if (saved.ok()) LogInfo("state_saved_again");
    if (!saved.ok()) LogError("state_not_saved", {{"why", saved}});
  }
  last_save_ = saved;
  if (!saved.ok()) sessions_.IdsNotSaved();
}

}  // namespace arkshare
