#include "bench/load_swarm.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "arkshare/v1/file.grpc.pb.h"
#include "bench/load_agenda.h"
#include "lib/core/clock.h"
#include "lib/core/ticket.h"
#include "lib/rpc/channel.h"

namespace arkshare {
namespace {

std::string AddressOf(size_t number, int port) {
  constexpr size_t kOfAByte = 250;
  return absl::StrCat("127.", 1 + number / kOfAByte / kOfAByte, ".", number / kOfAByte % kOfAByte,
                      ".", 1 + number % kOfAByte, ":", port);
}

}  // namespace

// Answers the index's dial-backs for all peers, on one port.
class Swarm::FileService
    : public v1::FileService::WithCallbackMethod_Ping<v1::FileService::Service> {
 public:
  void Add(const std::string& registration_id, const PrivateKey& key) {
    keys_.emplace(registration_id, key);
  }

  grpc::ServerUnaryReactor* Ping(grpc::CallbackServerContext* context,
                                 const v1::PingRequest* request,
                                 v1::PingResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const auto key = keys_.find(request->registration_id());
    if (key == keys_.end()) {
      reactor->Finish(grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "not begun here"));
      return reactor;
    }
    response->set_nonce(request->nonce());
    response->set_boot_id(std::string(16, 'b'));
    response->set_public_key(key->second.public_key().bytes());
    response->set_signature(key->second.Sign(
        PingSignedBytes(request->nonce(), response->boot_id(), request->registration_id())));
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  absl::flat_hash_map<std::string, PrivateKey>
      keys_;  // by registration id; constant once peers register
};

Swarm::Swarm(Options options)
    : options_(std::move(options)),
      books_(options_.peers, options_.books, options_.holders),
      files_(std::make_unique<FileService>()) {
  const size_t connections =
      options_.connections == 0 ? options_.peers : std::min(options_.connections, options_.peers);
  std::vector<std::shared_ptr<grpc::Channel>> channels(connections);
  if (options_.connections != 0) {
    for (std::shared_ptr<grpc::Channel>& channel : channels) {
      channel = MakeChannel(options_.indexes.front(), grpc::InsecureChannelCredentials());
    }
  }
  KeepCallbackQueue();
  RpcServerOptions server_options;
  server_options.listen = "0.0.0.0:0";  // of all addresses of loopback
  server_options.insecure = true;
  server_options.configure = [](grpc::ServerBuilder& builder) {
    builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
    builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  };
  auto server = RpcServer::Start(std::move(server_options), {files_.get()});
  if (!server.ok()) {
    std::cerr << server.status() << std::endl;
    std::exit(1);
  }
  server_ = *std::move(server);
  for (size_t i = 0; i < options_.peers; ++i) {
    peers_.push_back(std::make_unique<SwarmPeer>(
        this, i, AddressOf(options_.own_addresses ? i : 0, server_->port()),
        channels[i % connections]));
    files_->Add(peers_.back()->registration_id_, peers_.back()->key());
  }
}

Swarm::~Swarm() { agenda_.Stop(); }

bool Swarm::WaitOnline(size_t count, absl::Duration patience) const {
  const absl::Time end = Now() + patience;
  while (online_ < count) {
    if (Now() >= end) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

void Swarm::Announce() {
  announcing_ = true;
  for (const std::unique_ptr<SwarmPeer>& peer : peers_) {
    MutexLock lock(&peer->mutex_);
    if (!peer->token_.empty() && peer->stream_ == nullptr) peer->AnnounceLocked();
  }
}

std::map<std::string, uint64_t> Swarm::Counts() const {
  MutexLock lock(&mutex_);
  return counts_;
}

std::vector<std::pair<absl::Time, absl::Time>> Swarm::TakeAcknowledged() {
  MutexLock lock(&mutex_);
  return std::exchange(acknowledged_, {});
}

void Swarm::NoteAcknowledged(absl::Time sent, absl::Time acknowledged) {
  MutexLock lock(&mutex_);
  acknowledged_.emplace_back(sent, acknowledged);
}

void Swarm::Count(const std::string& what) {
  MutexLock lock(&mutex_);
  ++counts_[what];
}

}  // namespace arkshare
