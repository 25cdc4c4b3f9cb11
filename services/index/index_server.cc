#include "services/index/index_server.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/server_builder.h>
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/limits.h"
#include "lib/core/log.h"
#include "lib/files/atomic_file.h"
#include "lib/rpc/credentials.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/key_mode.h"
#include "services/index/admin/admin_client.h"
#include "services/index/book_memory.h"
#include "services/index/group/logged_group.h"
#include "services/index/machine_scope.h"
#include "services/index/metrics/metrics_page.h"
#include "services/index/service/overview_pass.h"
#include "services/index/sessions/peer_ids.h"

namespace arkshare {

// The files of the web page, see services/index/overview/CMakeLists.txt.
absl::Span<const WebAsset> IndexPageAssets();

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
// How long Start waits for what the replicas share: an election and a large table.
constexpr absl::Duration kMostJoin = absl::Seconds(30);
constexpr absl::Duration kJoinPause = absl::Milliseconds(10);
constexpr size_t kRelaySecretBytes = 32;
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

}  // namespace

absl::StatusOr<std::unique_ptr<IndexServer>> IndexServer::Start(IndexOptions options) {
  if (absl::Status s = options.Check(); !s.ok()) return s;
  std::unique_ptr<Group> group;
  std::optional<LeafCertificate> leaf;
  std::unique_ptr<KeyDialer> key_dialer;
  DialMeans dial;
  if (!options.home.empty()) {
    absl::StatusOr<std::unique_ptr<Group>> opened =
        Group::Open(options.home, options.clock, options.log.get());
    if (!opened.ok()) return opened.status();
    group = *std::move(opened);
    if (options.state_file.empty() && options.log == nullptr) {
      options.state_file = options.home + "/state";
    }
    leaf = MakeLeafCertificate(group->key(), {CertificateHosts(options.listen), std::nullopt});
    key_dialer = std::make_unique<KeyDialer>(*leaf);
    dial.keys = key_dialer.get();
  } else if (options.tls.enabled()) {
    absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
        MakeChannelCredentials(options.tls);
    if (!credentials.ok()) return credentials.status();
    dial.credentials = *std::move(credentials);
  }
  const std::string relay_secret = options.log == nullptr ? "" : RandomBytes(kRelaySecretBytes);
  std::unique_ptr<RelayServer> relay;
  if (!options.relay.empty()) {
    absl::StatusOr<std::unique_ptr<RelayServer>> started =
        RelayServer::Start({.listen = options.relay,
                            .public_port = options.relay_port,
                            .bytes_per_second = options.relay_limit,
                            .connections = options.relay_connections,
                            .tls = !options.home.empty() || options.tls.enabled(),
                            .secret = relay_secret});
    if (!started.ok()) return started.status();
    relay = *std::move(started);
    dial.relay = relay->own_address();
  }
  if (relay != nullptr && options.log != nullptr) {
    const absl::StatusOr<std::string> place = options.RelayForReplicas(relay->address());
    if (!place.ok()) return place.status();
    replica::ReplicaRecord record;
    record.set_relay_address(*place);
    record.set_relay_secret(relay_secret);
    options.log->Introduce(record.SerializeAsString());
  }
  LocalSessions::Options session_options;
  if (relay != nullptr) session_options.relay_port = static_cast<uint32_t>(relay->port());
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

  std::unique_ptr<IndexServer> server(new IndexServer(std::move(options),
                                                      std::move(session_options), std::move(dial),
                                                      std::move(group), std::move(relay)));
  server->key_dialer_ = std::move(key_dialer);
  server->state_lock_ = std::move(state_lock);
  if (absl::Status s = server->Join(); !s.ok()) return s;
  if (absl::Status s = server->Serve(leaf); !s.ok()) return s;
  return server;
}

IndexServer::IndexServer(IndexOptions options, LocalSessions::Options session_options,
                         DialMeans dial, std::unique_ptr<Group> group,
                         std::unique_ptr<RelayServer> relay)
    : options_(std::move(options)),
      group_(std::move(group)),
      gate_(group_ == nullptr ? nullptr
                              : std::make_unique<MemberGate>(group_.get(), options_.clock)),
      printer_(stdout),
      catalog_(
          {options_.max_books, options_.max_memory == 0 ? DefaultBookMemory() : options_.max_memory,
           [this] { printer_.Changed(); }, kWatchPause, options_.clock, options_.log != nullptr}),
      local_sessions_(options_.log != nullptr
                          ? nullptr
                          : std::make_unique<LocalSessions>(std::move(session_options),
                                                            options_.clock, &catalog_)),
      replicated_sessions_(
          options_.log == nullptr
              ? nullptr
              : std::make_unique<ReplicatedSessions>(
                    ReplicatedSessions::Options{
                        options_.lease, MachineScope(),
                        relay == nullptr ? 0 : static_cast<uint32_t>(relay->port())},
                    options_.clock, &catalog_, options_.log.get())),
      janitor_(options_.log == nullptr
                   ? nullptr
                   : std::make_unique<Janitor>(options_.lease, options_.clock,
                                               replicated_sessions_->roster(), options_.log.get())),
      merger_(options_.log == nullptr ? nullptr
                                      : std::make_unique<PageMerger>(options_.clock, &catalog_,
                                                                     replicated_sessions_->roster(),
                                                                     options_.log.get())),
      service_({std::move(dial), group_.get(), gate_.get(), options_.dial_back_timeout,
                options_.ServesOtherMachines(), options_.max_books, options_.max_watches,
                options_.refusal_pause, options_.clock, relay.get()},
               &catalog_, sessions()),
      relay_(std::move(relay)) {
  if (relay_ != nullptr && replicated_sessions_ != nullptr) {
    relay_->SetOtherReplicas(
        [sessions = replicated_sessions_.get()](const PublicKey& key) -> std::optional<OtherRelay> {
          const std::optional<replica::ReplicaRecord> record = sessions->RelayOf(key);
          if (!record.has_value()) return std::nullopt;
          return OtherRelay{record->relay_address(), record->relay_secret()};
        });
  }
  if (group_ == nullptr) return;
  if (options_.log != nullptr) {
    fold_ = std::make_unique<SplitFold>(kGroupKeys, group_->fold(), replicated_sessions_->roster());
  }
  members_ = group_->members();
  group_->SetListener([this](const std::shared_ptr<const MemberList>& members) {
    service_.MembersChanged(*members_, members);
    members_ = members;
  });
}

Sessions* IndexServer::sessions() const {
  if (replicated_sessions_ != nullptr) return replicated_sessions_.get();
  return local_sessions_.get();
}

absl::Status IndexServer::Join() {
  if (options_.log == nullptr) return absl::OkStatus();
  if (fold_ != nullptr) {
    options_.log->Start(fold_.get());
  } else {
    options_.log->Start(replicated_sessions_->roster());
  }
  // Shared, because the answer may come after the wait, when the log stops.
  const auto joined = std::make_shared<std::promise<absl::Status>>();
  options_.log->Await(1, kMostJoin, [joined](const absl::StatusOr<int64_t>& reached) {
    joined->set_value(reached.status());
  });
  const absl::Time end = Clock::Real()->Monotonic() + kMostJoin;
  bool here = joined->get_future().get().ok();
  // The key of this replica takes one more round trip.
  while (here && options_.log->state() != SharedLog::State::kLive) {
    MutexLock lock(&mutex_);
    stop_cv_.WaitFor(&mutex_, kJoinPause);
    here = Clock::Real()->Monotonic() < end;
  }
  // Members that this replica has and the log does not are admitted by all replicas from now on.
  if (here) return group_ == nullptr ? absl::OkStatus() : group_->PutBack();
  return absl::UnavailableError(
      absl::StrCat("what the replicas of this index share cannot be read: look whether the "
                   "addresses of --etcd are right and that most of its nodes run"));
}

absl::Status IndexServer::Serve(const std::optional<LeafCertificate>& leaf) {
  if (!options_.metrics.empty()) {
    absl::StatusOr<std::unique_ptr<MetricsServer>> metrics = MetricsServer::Start(
        options_.metrics, options_.metrics_public,
        std::make_shared<MetricsPage>(&service_.stats(), &catalog_, sessions(), relay_.get()));
    if (!metrics.ok()) return metrics.status();
    metrics_ = *std::move(metrics);
  }
  RpcServerOptions rpc_options;
  rpc_options.listen = options_.listen;
  rpc_options.tls = options_.tls;
  rpc_options.insecure = options_.insecure;
  rpc_options.connections_of_network = options_.connections;
  rpc_options.configure = TuneForManyConnections;
  if (leaf.has_value()) {
    rpc_options.credentials = MakeKeyServerCredentials(
        *leaf, [gate = gate_.get()](const LeafClaims& caller) { return gate->Admit(caller); });
    rpc_options.configure = [gate = gate_.get()](grpc::ServerBuilder& builder) {
      TuneForManyConnections(builder);
      std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> guards;
      guards.push_back(std::make_unique<MemberInterceptors>(gate));
      builder.experimental().SetInterceptorCreators(std::move(guards));
    };
  }
  absl::StatusOr<std::unique_ptr<RpcServer>> rpc =
      RpcServer::Start(std::move(rpc_options), {&service_});
  if (!rpc.ok()) return rpc.status();
  rpc_ = *std::move(rpc);
  if (!options_.page.listen.empty()) {
    absl::StatusOr<std::unique_ptr<Overview>> overview =
        Overview::Start(options_.page, IndexPageAssets(), rpc_->InProcess(), {OverviewPass()});
    if (!overview.ok()) return overview.status();
    overview_ = *std::move(overview);
  }
  if (group_ != nullptr) {
    admin_ = std::make_unique<AdminService>(group_.get());
    RpcServerOptions admin_options;
    admin_options.listen = AdminSocket(options_.home);
    absl::StatusOr<std::unique_ptr<RpcServer>> admin =
        RpcServer::Start(std::move(admin_options), {admin_.get()});
    if (!admin.ok()) return admin.status();
    admin_rpc_ = *std::move(admin);
    admin_rpc_->SetServing(true);
  }
  housekeeper_ = std::thread([this] { RunHousekeeping(); });
  if (options_.print_table) printer_.Start(&catalog_);
  rpc_->SetServing(true);
  return absl::OkStatus();
}

IndexServer::~IndexServer() { Stop(); }

void IndexServer::Stop() {
  // Its streams are calls of the server below.
  overview_.reset();
  if (replicated_sessions_ != nullptr) replicated_sessions_->PrepareToStop();
  service_.EndStreams(kGrace);
  // Answers the calls that wait for it; the server waits for them.
  if (options_.log != nullptr) options_.log->Stop();
  if (admin_rpc_ != nullptr) admin_rpc_->Shutdown(kGrace);
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
    const absl::Duration next_lapse = sessions()->Expire();
    if (janitor_ != nullptr) janitor_->Run();
    if (merger_ != nullptr) merger_->Run();
    if (group_ != nullptr) PutGroupBack();
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

void IndexServer::PutGroupBack() {
  const absl::Status put_back = group_->PutBack();
  if (!put_back.ok() && put_back != last_put_back_) {
    LogWarning("group_not_put_back", {{"why", put_back}});
  }
  last_put_back_ = put_back;
}

void IndexServer::SaveIds() {
  if (local_sessions_ == nullptr) return;
  const std::optional<std::string> ids = local_sessions_->TakeChangedIds();
  if (!ids.has_value()) return;
  const absl::Status saved = WriteFileAtomically(options_.state_file, *ids);
  if (saved != last_save_) {
    // Once, and not every second: a full disk may stay full for days.
    if (saved.ok()) LogInfo("state_saved_again");
    if (!saved.ok()) LogError("state_not_saved", {{"why", saved}});
  }
  last_save_ = saved;
  if (!saved.ok()) local_sessions_->IdsNotSaved();
}

}  // namespace arkshare
