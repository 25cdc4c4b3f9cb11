#include "services/peer/peer_node.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "lib/core/leaf_certificate.h"
#include "lib/core/log.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/key_mode.h"
#include "lib/rpc/targets.h"
#include "services/peer/group/join_group.h"
#include "services/peer/reach/local_address.h"
#include "services/peer/session/reachability.h"

namespace arkshare {

// The files of the web page, see services/peer/web/CMakeLists.txt.
absl::Span<const WebAsset> PeerPageAssets();

namespace {

constexpr absl::Duration kDrain = absl::Seconds(1);

bool ListensOnLoopback(const RpcServer& server) {
  const absl::StatusOr<HostPort> address = ParseHostPort(server.address());
  return address.ok() && IsLoopbackHost(address->host);
}

}  // namespace

absl::Status PeerOptions::Check() {
  if (!index_addresses.empty()) {
    absl::StatusOr<std::vector<std::string>> indexes = ParseIndexes(index_addresses);
    if (!indexes.ok()) return indexes.status();
    index_addresses = *std::move(indexes);
  }
  absl::StatusOr<std::string> socket = ParseControlSocket("--control", control);
  if (!socket.ok()) return socket.status();
  control = *std::move(socket);
  if (absl::Status s = OwnerPage::Check(page); !s.ok()) return s;
  if (advertise.empty()) return absl::OkStatus();
  return CheckTarget("--advertise", advertise);
}

absl::Status PeerOptions::Complete(const std::optional<GroupOfPeer>& group) {
  if (group.has_value()) {
    if (tls.enabled() || insecure) {
      return absl::InvalidArgumentError(
          "this peer is a member of a group, so it connects by keys only: leave out --insecure and "
          "the --tls options, or leave the group with --leave");
    }
    if (index_addresses.empty()) index_addresses = group->addresses;
    if (listen.empty()) listen = "0.0.0.0:0";
    return absl::OkStatus();
  }
  if (index_addresses.empty()) index_addresses = {"127.0.0.1:50051"};
  if (listen.empty()) listen = "127.0.0.1:0";
  const absl::StatusOr<HostPort> address = ParseHostPort(listen);
  if (address.ok() && !IsLoopbackHost(address->host) && !tls.enabled() && !insecure) {
    return absl::InvalidArgumentError(absl::StrCat(
        "will not listen on ", listen, " without encryption: join a group first, with --join and ",
        "the word that arkshare-index invite prints; or, if you have certificates, give "
        "--tls-cert,",
        " --tls-key and --tls-ca; or --insecure if every machine in that network may read and "
        "take ",
        "all books"));
  }
  return absl::OkStatus();
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
  if (absl::Status s = EnterGroup(*key); !s.ok()) return s;

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
                                    clock, &bell_);
  download_limiter_ = std::make_unique<RateLimiter>(clock, options_.download_limit);
  watchdog_ = std::make_unique<IdleWatchdog>(clock);
  file_service_ = std::make_unique<FileService>(
      FileService::Parts{library_.get(), handover_.get(), cache_.get(), queue_.get(),
                         watchdog_.get(), &gate_, &partials_, proofs_.get(), member_calls_.get()},
      *key);
  std::optional<PublicKey> index_key;
  if (membership_ != nullptr) index_key = membership_->group().index;
  index_ = std::make_unique<IndexClient>(options_.index_addresses, dialer_, index_key);
  holders_ = std::make_unique<Holders>(dialer_, clock);
  neighbours_ = std::make_unique<Neighbours>(index_.get(), clock);
  holders_->SetFindLocal([this](const PublicKey& key) { return neighbours_->AddressOf(key); });
  fetcher_ =
      std::make_unique<Fetcher>(holders_.get(), download_limiter_.get(), watchdog_.get(), clock);
  small_fetcher_ =
      std::make_unique<SmallFetcher>(holders_.get(), download_limiter_.get(), watchdog_.get());
  transfers_ = std::make_unique<Transfers>(
      Transfers::Parts{folder_.get(), ledger_.get(), cache_.get(), library_.get(), holders_.get(),
                       fetcher_.get(), small_fetcher_.get(), index_.get(), &partials_, clock,
                       &bell_},
      *key);

  if (absl::Status s = handover_->Recover(); !s.ok()) return s;
  if (absl::Status s = transfers_->Recover(); !s.ok()) return s;
  if (absl::Status s = library_->Load(); !s.ok()) return s;
  return scanner_->Start();
}

absl::Status PeerNode::EnterGroup(const PrivateKey& key) {
  const StateFiles& files = folder_->state_files();
  if (options_.leave) {
    if (absl::Status s = RemoveGroup(files); !s.ok()) return s;
  }
  if (!options_.join.empty()) {
    UseTls13Only();
    if (absl::Status s = JoinGroup(files, key, options_.join, options_.name); !s.ok()) return s;
  }
  absl::StatusOr<std::optional<GroupOfPeer>> group = LoadGroup(files);
  if (!group.ok()) return group.status();
  if (absl::Status s = options_.Complete(*group); !s.ok()) return s;
  if (group->has_value()) {
    UseTls13Only();
    dialer_ = Dialer::WithKey(MakeLeafCertificate(key, {}));
    membership_ = std::make_unique<Membership>(&files, **group, key.public_key());
    member_calls_ = std::make_unique<MemberCalls>(membership_.get(), Clock::Real());
    return absl::OkStatus();
  }
  absl::StatusOr<std::shared_ptr<Dialer>> dialer = Dialer::FromTls(options_.tls);
  if (!dialer.ok()) return dialer.status();
  dialer_ = *std::move(dialer);
  return absl::OkStatus();
}

absl::Status PeerNode::StartFileServer(const PrivateKey& key) {
  absl::StatusOr<std::unique_ptr<CallFront>> front = CallFront::Listen(options_.listen);
  if (!front.ok()) return front.status();
  front_ = *std::move(front);
  RpcServerOptions options{.listen = front_->address(),
                           .adopts = true,
                           .tls = options_.tls,
                           .insecure = options_.insecure,
                           .calls = file_service_->server_bounds(),
                           .connections_of_network = options_.connections};
  if (membership_ != nullptr) {
    LeafOptions leaf{.hosts = CertificateHosts(options_.listen)};
    const absl::StatusOr<HostPort> advertised = ParseHostPort(options_.advertise);
    if (advertised.ok()) leaf.hosts.push_back(advertised->host);
    options.credentials = MakeKeyServerCredentials(
        MakeLeafCertificate(key, leaf),
        [calls = member_calls_.get()](const LeafClaims& caller) { return calls->Admit(caller); });
  }
  absl::StatusOr<std::unique_ptr<RpcServer>> server =
      RpcServer::Start(std::move(options), {file_service_.get()});
  if (!server.ok()) return server.status();
  files_server_ = *std::move(server);
  files_server_->SetServing(true);
  front_->Open([server = files_server_.get()](int fd) { server->Adopt(fd); });
  absl::StatusOr<std::unique_ptr<CallDoor>> door =
      CallDoor::Open({.front = front_.get(),
                      .reached_directly =
                          [this] {
                            return announcer_ != nullptr && announcer_->GetState().online &&
                                   announcer_->GetState().way == v1::WAY_DIRECT;
                          },
                      .call_peer =
                          [this](const PublicKey& peer, const std::string& call_id) {
                            return index_->CallPeer(peer, call_id);
                          }});
  if (!door.ok()) return door.status();
  door_ = *std::move(door);
  holders_->SetDoor(door_.get());
  return absl::OkStatus();
}

absl::Status PeerNode::Serve() {
  absl::StatusOr<PrivateKey> key = folder_->LoadOrCreateKey();
  if (!key.ok()) return key.status();
  if (absl::Status s = StartFileServer(*key); !s.ok()) return s;
  // Without encryption, a port on loopback must not become one for other machines.
  if (options_.use_relay && !ListensOnLoopback(*files_server_)) {
    calls_ = std::make_unique<CallAnswerer>(files_server_->address());
  }

  if (options_.map_port && options_.advertise.empty() && !ListensOnLoopback(*files_server_)) {
    mapper_ = std::make_unique<PortMapper>(files_server_->port(), MakeRouters(), Clock::Real(),
                                           [this] { library_->feed().Wake(); });
  }

  announcer_ = std::make_unique<Announcer>(
      Announcer::Options{files_server_->port(), options_.advertise, options_.policy,
                         options_.number, ListensOnLoopback(*files_server_)},
      Announcer::Parts{index_.get(), library_.get(), ledger_.get(), &gate_, Clock::Real(),
                       [this] {
                         return UploadLoad{queue_->slots(),
                                           std::max(0, queue_->slots() - queue_->running()),
                                           queue_->limit()};
                       },
                       [this] { return holders_->TakeSilent(); }, watchdog_.get(),
                       membership_.get(), calls_.get(), mapper_.get(),
                       [this] {
                         return calls_ == nullptr
                                    ? ""
                                    : LocalAddress(index_->address(), files_server_->address());
                       }},
      key->public_key(),
      [this] {
        transfers_->RetryNow();
        wishes_->IndexIsBack();
      },
      [this] {
        LogCritical("superseded", {{"why", kSupersededAdvice}});
        request_stop_();
      });
  page_ = std::make_unique<OwnerPage>(
      options_.page, PeerPageAssets(),
      OwnerPage::Index{[this] { return index_->channel(); }, [this] { return index_->address(); }},
      AddedBook::Parts{folder_.get(), library_.get(), scanner_.get()}, Clock::Real());
  wishes_ = std::make_unique<Wishes>(
      Wishes::Parts{.ledger = ledger_->wishes(),
                    .library = library_.get(),
                    .transfers = transfers_.get(),
                    .index = index_.get(),
                    .clock = Clock::Real(),
                    .bell = &bell_,
                    .own_peer_id = [this] { return announcer_->GetState().peer_id; },
                    .membership = membership_.get()});
  if (absl::Status s = wishes_->Load(); !s.ok()) return s;
  peer_service_ = std::make_unique<PeerService>(
      PeerService::Parts{folder_.get(), library_.get(), scanner_.get(), handover_.get(),
                         sharing_.get(), transfers_.get(), announcer_.get(), index_.get(),
                         queue_.get(), download_limiter_.get(), Clock::Real(), ledger_.get(),
                         wishes_.get(), &bell_, membership_.get(), page_.get(), calls_.get(),
                         mapper_.get()},
      *key, files_server_->address(), request_stop_);
  // A server of its own, with threads of its own: other peers cannot keep the owner out.
  absl::StatusOr<std::unique_ptr<RpcServer>> control =
      RpcServer::Start({.listen = options_.control}, {peer_service_.get()});
  if (!control.ok()) return control.status();
  control_server_ = *std::move(control);
  page_->SetPeer(control_server_->InProcess());
  if (!options_.page.listen.empty()) {
    absl::StatusOr<std::string> page = page_->Open();
    if (!page.ok()) return page.status();
    page_address_ = *std::move(page);
  }
  transfers_->Start();
  announcer_->Start();
  wishes_->Start();
  control_server_->SetServing(true);
  return absl::OkStatus();
}

PeerNode::~PeerNode() {
  // First unregisters, then refuses new calls, then ends the running ones.
  if (mapper_) mapper_->RequestStop();
  if (announcer_) announcer_->Stop();
  // A file that is being hashed or copied for a call would hold up the end of the servers.
  if (sharing_) sharing_->Stop();
  if (scanner_) scanner_->Stop();
  if (files_server_) files_server_->SetServing(false);
  if (queue_) queue_->Close();
  partials_.Stop();
  if (transfers_) transfers_->Stop();
  if (wishes_) wishes_->Stop();
  bell_.Close();
  // Its streams are calls of the control server, which would wait for them.
  if (page_) page_->Stop();
  if (control_server_) control_server_->Shutdown(kDrain);
  // Both call what is destroyed before them.
  if (door_) door_->Stop();
  if (front_) front_->Close();
  if (files_server_) files_server_->Shutdown(kDrain);
}

}  // namespace arkshare
