#include "services/index/etcd/etcd_client.h"

#include <absl/random/random.h>
#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/rpc/channel.h"
#include "services/index/etcd/etcd_channel.h"

namespace arkshare {

namespace pb = ::etcdserverpb;

// The context of a call. While it lives, Shutdown cancels it.
class EtcdClient::Call {
 public:
  explicit Call(EtcdClient* client) : client_(client) {
    // A node that knows no leader then answers at once, and ends its watches.
    context_.AddMetadata("hasleader", "true");
    MutexLock lock(&client_->mutex_);
    // At first a call fails at once where there is no connection, and the next endpoint is asked.
    // When all have failed, calls wait for the connection: gRPC makes no progress with one while no
    // call waits.
    context_.set_wait_for_ready(client_->rotation_.Pause() > absl::ZeroDuration());
    client_->calls_.insert(&context_);
    if (client_->shut_down_) context_.TryCancel();
  }
  ~Call() {
    MutexLock lock(&client_->mutex_);
    client_->calls_.erase(&context_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  grpc::ClientContext& context() { return context_; }

 private:
  EtcdClient* client_;
  grpc::ClientContext context_;
};

class EtcdClient::OpenWatch : public EtcdWatch {
 public:
  OpenWatch(EtcdClient* client, size_t endpoint, const pb::WatchCreateRequest& request)
      : client_(client), endpoint_(endpoint), call_(client) {
    stub_ = pb::Watch::NewStub(client->endpoints_[endpoint].channels[kWatch]);
    stream_ = stub_->Watch(&call_.context());
    pb::WatchRequest create;
    *create.mutable_create_request() = request;
    // When it fails, Read and Finish say so.
    stream_->Write(create);
  }
  ~OpenWatch() override {
    if (finished_) return;
    call_.context().TryCancel();
    stream_->Finish();
  }

  bool Read(pb::WatchResponse* response) override {
    response->Clear();
    if (!stream_->Read(response)) return false;
    if (response->events_size() > 0) client_->answered_();
    return true;
  }
  void Cancel() override { call_.context().TryCancel(); }
  EtcdAnswer<pb::WatchResponse> Finish() override {
    finished_ = true;
    call_.context().TryCancel();
    const grpc::Status status = stream_->Finish();
    EtcdAnswer<pb::WatchResponse> end;
    end.endpoint = endpoint_;
    end.message = status.error_message();
    end.fault = client_->Judge(endpoint_, status, false);
    return end;
  }

 private:
  EtcdClient* client_;
  size_t endpoint_;
  Call call_;
  std::unique_ptr<pb::Watch::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriterInterface<pb::WatchRequest, pb::WatchResponse>> stream_;
  bool finished_ = false;
};

absl::StatusOr<std::unique_ptr<EtcdClient>> EtcdClient::Make(const EtcdOptions& options,
                                                             std::function<void()> answered) {
  if (absl::Status checked = CheckEtcdOptions(options); !checked.ok()) return checked;
  const auto credentials = MakeEtcdCredentials(options.tls);
  if (!credentials.ok()) return credentials.status();
  std::vector<Endpoint> endpoints;
  for (const std::string& name : options.endpoints) {
    Endpoint endpoint;
    endpoint.name = name;
    for (auto& channel : endpoint.channels) channel = MakeEtcdChannel(name, *credentials);
    endpoints.push_back(std::move(endpoint));
  }
  return std::unique_ptr<EtcdClient>(new EtcdClient(std::move(endpoints), std::move(answered)));
}

EtcdClient::EtcdClient(std::vector<Endpoint> endpoints, std::function<void()> answered)
    : endpoints_(std::move(endpoints)),
      answered_(std::move(answered)),
      rotation_(endpoints_.size(), absl::Uniform<size_t>(absl::BitGen(), 0, endpoints_.size())) {}

EtcdFault EtcdClient::Judge(size_t endpoint, const grpc::Status& status, bool proves) {
  const EtcdFault fault = FaultOf(status);
  const bool answered = fault == EtcdFault::kNone || fault == EtcdFault::kNoSpace;
  {
    MutexLock lock(&mutex_);
    if (fault == EtcdFault::kUnknownOutcome) {
      rotation_.Failed(endpoint);
    } else if (answered && proves) {
      rotation_.Answered(endpoint);
    }
  }
  if (answered && proves) answered_();
  return fault;
}

template <typename Response, typename Invoke>
EtcdAnswer<Response> EtcdClient::Do(Use use, absl::Duration timeout, bool proves,
                                    const Invoke& invoke) {
  EtcdAnswer<Response> answer;
  answer.endpoint = endpoint();
  Call call(this);
  SetTimeout(call.context(), timeout);
  const grpc::Status status =
      invoke(endpoints_[answer.endpoint].channels[use], call.context(), answer.response);
  answer.message = status.error_message();
  answer.fault = Judge(answer.endpoint, status, proves);
  return answer;
}

EtcdAnswer<pb::TxnResponse> EtcdClient::Txn(const pb::TxnRequest& request, absl::Duration timeout) {
  return Do<pb::TxnResponse>(kWrites, timeout, true,
                             [&request](const auto& channel, auto& context, auto& response) {
                               return pb::KV::NewStub(channel)->Txn(&context, request, &response);
                             });
}

EtcdAnswer<pb::RangeResponse> EtcdClient::Range(const pb::RangeRequest& request,
                                                absl::Duration timeout) {
  return Do<pb::RangeResponse>(
      kLoads, timeout, true, [&request](const auto& channel, auto& context, auto& response) {
        return pb::KV::NewStub(channel)->Range(&context, request, &response);
      });
}

EtcdAnswer<pb::CompactionResponse> EtcdClient::Compact(const pb::CompactionRequest& request,
                                                       absl::Duration timeout) {
  return Do<pb::CompactionResponse>(
      kLoads, timeout, true, [&request](const auto& channel, auto& context, auto& response) {
        return pb::KV::NewStub(channel)->Compact(&context, request, &response);
      });
}

EtcdAnswer<pb::LeaseGrantResponse> EtcdClient::LeaseGrant(const pb::LeaseGrantRequest& request,
                                                          absl::Duration timeout) {
  return Do<pb::LeaseGrantResponse>(
      kWrites, timeout, true, [&request](const auto& channel, auto& context, auto& response) {
        return pb::Lease::NewStub(channel)->LeaseGrant(&context, request, &response);
      });
}

EtcdAnswer<pb::LeaseKeepAliveResponse> EtcdClient::LeaseKeepAlive(int64_t lease,
                                                                  absl::Duration timeout) {
  return Do<pb::LeaseKeepAliveResponse>(
      kWrites, timeout, true, [lease](const auto& channel, auto& context, auto& response) {
        const auto stub = pb::Lease::NewStub(channel);
        const auto stream = stub->LeaseKeepAlive(&context);
        pb::LeaseKeepAliveRequest request;
        request.set_id(lease);
        const bool told = stream->Write(request) && stream->Read(&response);
        stream->WritesDone();
        // With the answer here, how the stream ends does not matter.
        if (told) context.TryCancel();
        const grpc::Status status = stream->Finish();
        if (told) return grpc::Status::OK;
        if (!status.ok()) return status;
        return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the stream ended without an answer");
      });
}

EtcdAnswer<pb::StatusResponse> EtcdClient::Status(absl::Duration timeout) {
  const pb::StatusRequest request;
  return Do<pb::StatusResponse>(
      kLoads, timeout, false, [&request](const auto& channel, auto& context, auto& response) {
        return pb::Maintenance::NewStub(channel)->Status(&context, request, &response);
      });
}

std::unique_ptr<EtcdWatch> EtcdClient::Watch(const pb::WatchCreateRequest& request) {
  return std::make_unique<OpenWatch>(this, endpoint(), request);
}

void EtcdClient::MoveOn(size_t endpoint) {
  MutexLock lock(&mutex_);
  rotation_.Failed(endpoint);
}

size_t EtcdClient::endpoint() const {
  MutexLock lock(&mutex_);
  return rotation_.current();
}

absl::Duration EtcdClient::Pause() const {
  MutexLock lock(&mutex_);
  return rotation_.Pause();
}

void EtcdClient::Shutdown() {
  MutexLock lock(&mutex_);
  shut_down_ = true;
  for (grpc::ClientContext* context : calls_) context->TryCancel();
}

}  // namespace arkshare
