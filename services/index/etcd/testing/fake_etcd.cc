#include "services/index/etcd/testing/fake_etcd.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <utility>

#include "etcdserverpb/rpc.grpc.pb.h"
#include "lib/core/clock.h"

namespace arkshare {

namespace pb = ::etcdserverpb;

namespace {

bool IsOfLog(absl::string_view key) {
  return absl::StrContains(key, "/r/") || absl::EndsWith(key, "/head") ||
         absl::EndsWith(key, "/birth") || absl::EndsWith(key, "/compact");
}

bool ChangesAnOwnersKey(const pb::TxnRequest& request) {
  for (const pb::RequestOp& op : request.success()) {
    if (op.has_request_put() && !IsOfLog(op.request_put().key())) return true;
    if (op.has_request_delete_range() && !IsOfLog(op.request_delete_range().key())) return true;
  }
  return false;
}

bool HasPut(const pb::TxnRequest& request) {
  for (const pb::RequestOp& op : request.success()) {
    if (op.has_request_put()) return true;
  }
  return false;
}

grpc::Status Unavailable(const std::string& why) { return {grpc::StatusCode::UNAVAILABLE, why}; }

absl::Time Monotonic() { return Clock::Real()->Monotonic(); }

}  // namespace

class FakeEtcd::KvService : public pb::KV::Service {
 public:
  KvService(FakeEtcd* etcd, Node* node) : etcd_(etcd), node_(node) {}
  grpc::Status Range(grpc::ServerContext* context, const pb::RangeRequest* request,
                     pb::RangeResponse* response) override;
  grpc::Status Txn(grpc::ServerContext* context, const pb::TxnRequest* request,
                   pb::TxnResponse* response) override;
  grpc::Status Compact(grpc::ServerContext* context, const pb::CompactionRequest* request,
                       pb::CompactionResponse* response) override;

 private:
  FakeEtcd* etcd_;
  Node* node_;
};

class FakeEtcd::WatchService : public pb::Watch::Service {
 public:
  WatchService(FakeEtcd* etcd, Node* node) : etcd_(etcd), node_(node) {}
  grpc::Status Watch(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<pb::WatchResponse, pb::WatchRequest>* stream) override;

 private:
  struct State {
    uint64_t era = 0;
    int64_t next = 0;   // revision
    int64_t head = 0;   // the version that was told last
    bool gone = false;  // the client; guarded by FakeEtcd::mutex_
  };
  // Writes what happens until the watch ends. False: the node ends it.
  bool Tell(State& state, grpc::ServerReaderWriter<pb::WatchResponse, pb::WatchRequest>* stream);
  // Fills the next response. False: the node ends the watch.
  bool Next(State& state, pb::WatchResponse* response);

  FakeEtcd* etcd_;
  Node* node_;
};

class FakeEtcd::LeaseService : public pb::Lease::Service {
 public:
  LeaseService(FakeEtcd* etcd, Node* node) : etcd_(etcd), node_(node) {}
  grpc::Status LeaseGrant(grpc::ServerContext* context, const pb::LeaseGrantRequest* request,
                          pb::LeaseGrantResponse* response) override;
  grpc::Status LeaseKeepAlive(grpc::ServerContext* context,
                              grpc::ServerReaderWriter<pb::LeaseKeepAliveResponse,
                                                       pb::LeaseKeepAliveRequest>* stream) override;

 private:
  FakeEtcd* etcd_;
  Node* node_;
};

class FakeEtcd::MaintenanceService : public pb::Maintenance::Service {
 public:
  grpc::Status Status(grpc::ServerContext* /*context*/, const pb::StatusRequest* /*request*/,
                      pb::StatusResponse* response) override {
    response->set_version("3.5.22");
    response->set_dbsize(4096);
    return grpc::Status::OK;
  }
};

struct FakeEtcd::Node {
  Node(FakeEtcd* owner, const std::shared_ptr<grpc::ServerCredentials>& credentials)
      : etcd(owner), kv(owner, this), watch(owner, this), lease(owner, this) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    builder.SetMaxReceiveMessageSize(2 * 1024 * 1024);
    builder.RegisterService(&kv);
    builder.RegisterService(&watch);
    builder.RegisterService(&lease);
    builder.RegisterService(&maintenance);
    server = builder.BuildAndStart();
  }

  // Waits while the node is paused. Not OK: the call ends so. `owner` is `etcd`, whose lock the
  // caller holds.
  grpc::Status Enter(FakeEtcd* owner, grpc::ServerContext* context)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(owner->mutex_) {
    while (paused && !owner->stopped_) owner->changed_.Wait(&owner->mutex_);
    if (refusing || owner->stopped_) return Unavailable("etcdserver: no leader");
    if (context->IsCancelled()) return {grpc::StatusCode::CANCELLED, "cancelled"};
    return grpc::Status::OK;
  }

  FakeEtcd* etcd;
  bool paused = false;    // guarded by etcd->mutex_
  bool refusing = false;  // as well
  KvService kv;
  WatchService watch;
  LeaseService lease;
  MaintenanceService maintenance;
  int port = 0;
  std::unique_ptr<grpc::Server> server;
};

grpc::Status FakeEtcd::KvService::Range(grpc::ServerContext* context,
                                        const pb::RangeRequest* request,
                                        pb::RangeResponse* response) {
  MutexLock lock(&etcd_->mutex_);
  if (const grpc::Status entered = node_->Enter(etcd_, context); !entered.ok()) return entered;
  return etcd_->store_.Range(*request, response);
}

grpc::Status FakeEtcd::KvService::Txn(grpc::ServerContext* context, const pb::TxnRequest* request,
                                      pb::TxnResponse* response) {
  MutexLock lock(&etcd_->mutex_);
  if (const grpc::Status entered = node_->Enter(etcd_, context); !entered.ok()) return entered;
  if (etcd_->full_ && HasPut(*request)) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"};
  }
  const grpc::Status done = etcd_->store_.Txn(*request, response);
  if (!done.ok() || !response->succeeded()) return done;
  etcd_->changed_.NotifyAll();
  if (!ChangesAnOwnersKey(*request)) return done;
  if (etcd_->lose_events_ > 0) {
    --etcd_->lose_events_;
    etcd_->store_.Lose(etcd_->store_.revision());
  }
  if (etcd_->lose_outcomes_ > 0) {
    --etcd_->lose_outcomes_;
    return Unavailable("etcdserver: leader changed");
  }
  return done;
}

grpc::Status FakeEtcd::KvService::Compact(grpc::ServerContext* context,
                                          const pb::CompactionRequest* request,
                                          pb::CompactionResponse* /*response*/) {
  MutexLock lock(&etcd_->mutex_);
  if (const grpc::Status entered = node_->Enter(etcd_, context); !entered.ok()) return entered;
  return etcd_->store_.Compact(request->revision());
}

grpc::Status FakeEtcd::WatchService::Watch(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<pb::WatchResponse, pb::WatchRequest>* stream) {
  pb::WatchRequest request;
  if (!stream->Read(&request)) return grpc::Status::OK;
  State state;
  state.next = request.create_request().start_revision();
  pb::WatchResponse response;
  {
    MutexLock lock(&etcd_->mutex_);
    if (const grpc::Status entered = node_->Enter(etcd_, context); !entered.ok()) return entered;
    state.era = etcd_->era_;
    ++etcd_->watches_;
    etcd_->changed_.NotifyAll();
    response.mutable_header()->set_revision(etcd_->store_.revision());
    response.set_created(true);
    if (state.next < etcd_->store_.compacted()) {
      response.set_canceled(true);
      if (!etcd_->hide_compaction_) response.set_compact_revision(etcd_->store_.compacted());
    }
  }
  // The only way to notice without looking again and again that the client has gone.
  std::thread reader([&] {
    pb::WatchRequest more;
    while (stream->Read(&more)) {
    }
    MutexLock lock(&etcd_->mutex_);
    state.gone = true;
    etcd_->changed_.NotifyAll();
  });
  stream->Write(response);
  const bool ended = !response.canceled() && !Tell(state, stream);
  // As in etcd, the stream of a watch that was cancelled stays until its client ends it.
  if (ended) context->TryCancel();
  reader.join();
  return ended ? Unavailable("etcdserver: no leader") : grpc::Status::OK;
}

bool FakeEtcd::WatchService::Tell(
    State& state, grpc::ServerReaderWriter<pb::WatchResponse, pb::WatchRequest>* stream) {
  pb::WatchResponse response;
  while (!response.canceled()) {
    response.Clear();
    if (!Next(state, &response)) return false;
    stream->Write(response);
  }
  return true;
}

bool FakeEtcd::WatchService::Next(State& state, pb::WatchResponse* response) {
  MutexLock lock(&etcd_->mutex_);
  while (true) {
    if (etcd_->stopped_ || state.gone || node_->refusing) return false;
    if (!node_->paused) {
      if (etcd_->era_ != state.era) {
        response->set_canceled(true);
        if (!etcd_->hide_compaction_) {
          response->set_compact_revision(etcd_->store_.compacted());
        }
        return true;
      }
      const std::vector<mvccpb::Event> events = etcd_->store_.Events(state.next, 100);
      if (!events.empty()) {
        for (const mvccpb::Event& event : events) {
          *response->add_events() = event;
          mvccpb::KeyValue* kv = response->mutable_events()->rbegin()->mutable_kv();
          state.next = kv->mod_revision() + 1;
          if (!absl::EndsWith(kv->key(), "/head")) continue;
          if (etcd_->hide_gaps_ && state.head > 0) kv->set_version(state.head + 1);
          state.head = kv->version();
        }
        response->mutable_header()->set_revision(etcd_->store_.revision());
        return true;
      }
    }
    etcd_->changed_.Wait(&etcd_->mutex_);
  }
}

grpc::Status FakeEtcd::LeaseService::LeaseGrant(grpc::ServerContext* context,
                                                const pb::LeaseGrantRequest* request,
                                                pb::LeaseGrantResponse* response) {
  MutexLock lock(&etcd_->mutex_);
  if (const grpc::Status entered = node_->Enter(etcd_, context); !entered.ok()) return entered;
  response->set_id(etcd_->store_.Grant(absl::Seconds(request->ttl()), Monotonic()));
  etcd_->changed_.NotifyAll();
  response->set_ttl(request->ttl());
  return grpc::Status::OK;
}

grpc::Status FakeEtcd::LeaseService::LeaseKeepAlive(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<pb::LeaseKeepAliveResponse, pb::LeaseKeepAliveRequest>* stream) {
  pb::LeaseKeepAliveRequest request;
  while (stream->Read(&request)) {
    pb::LeaseKeepAliveResponse response;
    {
      MutexLock lock(&etcd_->mutex_);
      if (const grpc::Status entered = node_->Enter(etcd_, context); !entered.ok()) return entered;
      response.set_id(request.id());
      response.set_ttl(etcd_->store_.KeepAlive(request.id(), Monotonic()));
    }
    stream->Write(response);
  }
  return grpc::Status::OK;
}

FakeEtcd::FakeEtcd(int nodes, std::shared_ptr<grpc::ServerCredentials> credentials) {
  if (credentials == nullptr) credentials = grpc::InsecureServerCredentials();
  for (int i = 0; i < nodes; ++i) nodes_.push_back(std::make_unique<Node>(this, credentials));
  expiry_ = std::thread([this] { ExpireInTime(); });
}

FakeEtcd::~FakeEtcd() {
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.NotifyAll();
  }
  expiry_.join();
  for (const auto& node : nodes_) node->server->Shutdown(std::chrono::system_clock::now());
}

std::vector<std::string> FakeEtcd::endpoints() const {
  std::vector<std::string> endpoints;
  for (const auto& node : nodes_) endpoints.push_back(absl::StrCat("127.0.0.1:", node->port));
  return endpoints;
}

void FakeEtcd::Pause(int node) {
  MutexLock lock(&mutex_);
  nodes_[node]->paused = true;
}

void FakeEtcd::Resume(int node) {
  MutexLock lock(&mutex_);
  nodes_[node]->paused = false;
  changed_.NotifyAll();
}

void FakeEtcd::PauseAll() {
  for (size_t i = 0; i < nodes_.size(); ++i) Pause(static_cast<int>(i));
}

void FakeEtcd::ResumeAll() {
  for (size_t i = 0; i < nodes_.size(); ++i) Resume(static_cast<int>(i));
}

void FakeEtcd::SetRefusing(int node, bool refusing) {
  MutexLock lock(&mutex_);
  nodes_[node]->refusing = refusing;
  changed_.NotifyAll();
}

void FakeEtcd::LoseOutcomes(int count) {
  MutexLock lock(&mutex_);
  lose_outcomes_ = count;
}

void FakeEtcd::LoseEvents(int count) {
  MutexLock lock(&mutex_);
  lose_events_ = count;
}

void FakeEtcd::LoseExpiries() {
  MutexLock lock(&mutex_);
  lose_expiries_ = true;
}

void FakeEtcd::HideGaps(bool hide) {
  MutexLock lock(&mutex_);
  hide_gaps_ = hide;
}

void FakeEtcd::CompactUnderWatches(bool say_so) {
  MutexLock lock(&mutex_);
  hide_compaction_ = !say_so;
  store_.Compact(store_.revision());
  ++era_;
  changed_.NotifyAll();
}

void FakeEtcd::SetFull(bool full) {
  MutexLock lock(&mutex_);
  full_ = full;
}

void FakeEtcd::ExpireLeases() {
  MutexLock lock(&mutex_);
  store_.Expire(absl::InfiniteFuture());
  changed_.NotifyAll();
}

void FakeEtcd::Wipe() { Restore(FakeStore()); }

FakeStore FakeEtcd::Save() const {
  MutexLock lock(&mutex_);
  return store_;
}

void FakeEtcd::Restore(FakeStore store) {
  MutexLock lock(&mutex_);
  // The watches stay: one from a revision that is not there yet is silent, as in etcd.
  store_ = std::move(store);
  changed_.NotifyAll();
}

int64_t FakeEtcd::revision() const {
  MutexLock lock(&mutex_);
  return store_.revision();
}

int64_t FakeEtcd::compacted() const {
  MutexLock lock(&mutex_);
  return store_.compacted();
}

std::optional<std::string> FakeEtcd::ValueOf(const std::string& key) const {
  MutexLock lock(&mutex_);
  pb::RangeRequest request;
  request.set_key(key);
  pb::RangeResponse response;
  store_.Range(request, &response);
  if (response.kvs().empty()) return std::nullopt;
  return response.kvs(0).value();
}

void FakeEtcd::Put(const std::string& key, const std::string& value) {
  MutexLock lock(&mutex_);
  pb::TxnRequest request;
  pb::PutRequest* put = request.add_success()->mutable_request_put();
  put->set_key(key);
  put->set_value(value);
  pb::TxnResponse response;
  store_.Txn(request, &response);
  changed_.NotifyAll();
}

bool FakeEtcd::AwaitWatches(int count) {
  const absl::Time end = Monotonic() + absl::Minutes(1);
  MutexLock lock(&mutex_);
  while (watches_ < count) {
    const absl::Duration left = end - Monotonic();
    if (left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(&mutex_, left);
  }
  return true;
}

int FakeEtcd::watches() const {
  MutexLock lock(&mutex_);
  return watches_;
}

void FakeEtcd::ExpireInTime() {
  MutexLock lock(&mutex_);
  while (!stopped_) {
    if (store_.Expire(Monotonic())) {
      if (lose_expiries_) store_.Lose(store_.revision());
      changed_.NotifyAll();
    }
    const absl::Time next = store_.NextExpiry();
    if (next == absl::InfiniteFuture()) {
      changed_.Wait(&mutex_);
    } else {
      changed_.WaitFor(&mutex_, next - Monotonic());
    }
  }
}

}  // namespace arkshare
