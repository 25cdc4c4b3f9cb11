#include "services/peer/peer_node.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "lib/core/log.h"
#include "lib/rpc/credentials.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/targets.h"
#include "services/peer/session/reachability.h"

namespace arkshare {
namespace {

constexpr absl::Duration kDrain = absl::Seconds(1);

bool ListensOnLoopback(const RpcServer& server) {
  const absl::StatusOr<HostPort> address = ParseHostPort(server.address());
  return address.ok() && IsLoopbackHost(address->host);
}

}  // namespace

absl::Status PeerOptions::Check() {
  absl::StatusOr<std::vector<std::string>> indexes = ParseIndexes(index_addresses);
  if (!indexes.ok()) return indexes.status();
  index_addresses = *std::move(indexes);
  absl::StatusOr<std::string> socket = ParseControlSocket("--control", control);
  if (!socket.ok()) return socket.status();
  control = *std::move(socket);
  if (advertise.empty()) return absl::OkStatus();
  return CheckTarget("--advertise", advertise);
}

absl::StatusOr<std::unique_ptr<PeerNode>> PeerNode::Start(PeerOptions options,
                                                          std::function<void()> request_stop) {
  if (absl::Status s = options.Check(); !s.ok()) return s;
  auto node = std::unique_ptr<PeerNode>(new PeerNode(std::move(options), std::move(request_stop)));
  if (absl::Status s = node->Open(); !s.ok()) return s;
  if (absl::Status s = node->Serve(); !s.ok()) return s;
  return node;
}

absl::Status PeerNode::Open() {
  const Clock* clock = Clock::Real();
  absl::StatusOr<std::unique_ptr<SharedFolder>> folder = SharedFolder::Open(options_.share);
  if (!folder.ok()) return folder.status();
  folder_ = *std::move(folder);
  absl::StatusOr<PrivateKey> key = folder_->LoadOrCreateKey();
  if (!key.ok()) return key.status();
  absl::StatusOr<std::unique_ptr<Ledger>> ledger = Ledger::Open(folder_.get(), clock);
  if (!ledger.ok()) return ledger.status();
  ledger_ = *std::move(ledger);
  absl::StatusOr<std::unique_ptr<HashCache>> cache = HashCache::Open(*folder_);
  if (!cache.ok()) return cache.status();
  cache_ = *std::move(cache);
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
      MakeChannelCredentials(options_.tls);
  if (!credentials.ok()) return credentials.status();

  library_ = std::make_unique<Library>(
      folder_.get(), ledger_.get(), clock,
      Library::Options{.policy = options_.policy, .max_books = options_.max_books});
  scanner_ = std::make_unique<FolderScanner>(folder_.get(), cache_.get(), library_.get(), clock);
  proofs_ = std::make_unique<ServedProofs>(folder_->traits(), clock);
  handover_ =
      std::make_unique<Handover>(folder_.get(), ledger_.get(), library_.get(), proofs_.get(), *key);
  sharing_ = std::make_unique<Sharing>(folder_.get(), library_.get(), scanner_.get());
  queue_ =
      std::make_unique<UploadQueue>(UploadQueue::Options{.line = {.slots = options_.slots},
                                                         .bytes_per_second = options_.upload_limit},
                                    clock);
  download_limiter_ = std::make_unique<RateLimiter>(clock, options_.download_limit);
  watchdog_ = std::make_unique<IdleWatchdog>(clock);
  file_service_ = std::make_unique<FileService>(
      FileService::Parts{library_.get(), handover_.get(), cache_.get(), queue_.get(),
                         watchdog_.get(), &gate_, &partials_, proofs_.get()},
      *key);
  index_ = std::make_unique<IndexClient>(options_.index_addresses, *credentials, options_.tls);
  holders_ = std::make_unique<Holders>(*credentials, clock);
  fetcher_ =
      std::make_unique<Fetcher>(holders_.get(), download_limiter_.get(), watchdog_.get(), clock);
  small_fetcher_ =
      std::make_unique<SmallFetcher>(holders_.get(), download_limiter_.get(), watchdog_.get());
  transfers_ = std::make_unique<Transfers>(
      Transfers::Parts{folder_.get(), ledger_.get(), cache_.get(), library_.get(), holders_.get(),
                       fetcher_.get(), small_fetcher_.get(), index_.get(), &partials_, clock},
      *key);

  if (absl::Status s = handover_->Recover(); !s.ok()) return s;
  if (absl::Status s = transfers_->Recover(); !s.ok()) return s;
  if (absl::Status s = library_->Load(); !s.ok()) return s;
  return scanner_->Start();
}

absl::Status PeerNode::Serve() {
  absl::StatusOr<PrivateKey> key = folder_->LoadOrCreateKey();
  if (!key.ok()) return key.status();
  absl::StatusOr<std::unique_ptr<RpcServer>> files =
      RpcServer::Start({.listen = options_.listen,
                        .tls = options_.tls,
                        .insecure = options_.insecure,
                        .calls = file_service_->server_bounds(),
                        .connections_of_network = options_.connections},
                       {file_service_.get()});
  if (!files.ok()) return files.status();
  files_server_ = *std::move(files);
  files_server_->SetServing(true);

  announcer_ = std::make_unique<Announcer>(
      Announcer::Options{files_server_->port(), options_.advertise, options_.policy,
                         options_.number, ListensOnLoopback(*files_server_)},
      Announcer::Parts{index_.get(), library_.get(), ledger_.get(), &gate_, Clock::Real(),
                       [this] {
                         return UploadLoad{queue_->slots(),
                                           std::max(0, queue_->slots() - queue_->running()),
                                           queue_->limit()};
                       },
                       [this] { return holders_->TakeSilent(); }, watchdog_.get()},
      key->public_key(), [this] { transfers_->RetryNow(); },
      [this] {
        LogCritical("superseded", {{"why", kSupersededAdvice}});
        request_stop_();
      });
  peer_service_ = std::make_unique<PeerService>(
      PeerService::Parts{folder_.get(), library_.get(), scanner_.get(), handover_.get(),
                         sharing_.get(), transfers_.get(), announcer_.get(), index_.get(),
                         queue_.get(), download_limiter_.get(), Clock::Real()},
      key->public_key(), files_server_->address(), request_stop_);
  // A server of its own, with threads of its own: other peers cannot keep the owner out.
  absl::StatusOr<std::unique_ptr<RpcServer>> control =
      RpcServer::Start({.listen = options_.control}, {peer_service_.get()});
  if (!control.ok()) return control.status();
  control_server_ = *std::move(control);
  transfers_->Start();
  announcer_->Start();
  control_server_->SetServing(true);
  return absl::OkStatus();
}

PeerNode::~PeerNode() {
  // First unregisters, then refuses new calls, then ends the running ones.
  if (announcer_) announcer_->Stop();
  // A file that is being hashed or copied for a call would hold up the end of the servers.
  if (sharing_) sharing_->Stop();
  if (scanner_) scanner_->Stop();
  if (files_server_) files_server_->SetServing(false);
  if (queue_) queue_->Close();
  partials_.Stop();
  if (transfers_) transfers_->Stop();
  if (control_server_) control_server_->Shutdown(kDrain);
  if (files_server_) files_server_->Shutdown(kDrain);
}

}  // namespace arkshare
