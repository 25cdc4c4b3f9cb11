#include "lib/http/connect_bridge.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "lib/http/connect_json.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

// How often a quiet call looks whether its browser is there.
constexpr absl::Duration kLook = absl::Seconds(1);

std::unique_ptr<Message> NewAnswer(const MethodDescriptor& method) {
  return std::unique_ptr<Message>(google::protobuf::MessageFactory::generated_factory()
                                      ->GetPrototype(method.output_type())
                                      ->New());
}

}  // namespace

// Keeps a call among those that can be ended, for as long as it lives.
class ConnectBridge::Ending {
 public:
  Ending(ConnectBridge* bridge, std::unique_ptr<GenericCall> call, const std::string& caller)
      : bridge_(*bridge), call_(std::move(call)) {
    MutexLock lock(&bridge_.mutex_);
    bridge_.calls_.emplace(call_.get(), caller);
    if (bridge_.stopped_) call_->Cancel();
  }
  ~Ending() {
    MutexLock lock(&bridge_.mutex_);
    bridge_.calls_.erase(call_.get());
  }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

  GenericCall& call() { return *call_; }

 private:
  ConnectBridge& bridge_;
  const std::unique_ptr<GenericCall> call_;
};

// The answers of a call as envelopes.
class ConnectBridge::Stream : public BodySource {
 public:
  Stream(std::unique_ptr<Ending> ending, const MethodDescriptor& method, const Target& target,
         int socket, absl::Duration quiet)
      : ending_(std::move(ending)),
        answer_(NewAnswer(method)),
        target_(target),
        socket_(socket),
        quiet_(quiet) {}

  std::optional<size_t> Read(char* buffer, size_t size) override {
    while (sent_ == pending_.size()) {
      if (ended_) return 0;
      if (!Fill()) return std::nullopt;
    }
    const size_t part = std::min(size, pending_.size() - sent_);
    std::copy_n(pending_.data() + sent_, part, buffer);
    sent_ += part;
    return part;
  }

 private:
  // Waits a while for the next envelope; false: the browser is gone.
  bool Fill() {
    pending_.clear();
    sent_ = 0;
    const absl::Duration wait = std::min(kLook, quiet_ - silent_);
    switch (ending_->call().Read(answer_.get(), wait)) {
      case GenericCall::Next::kMessage:
        silent_ = absl::ZeroDuration();
        AddMessage();
        return true;
      case GenericCall::Next::kQuiet:
        silent_ += wait;
        if (silent_ < quiet_) return !ClientGone(socket_);
        silent_ = absl::ZeroDuration();
        pending_ = ConnectMessage("{}");
        return true;
      case GenericCall::Next::kEnd:
        End(ending_->call().Finish());
        return true;
    }
    return false;
  }

  void AddMessage() {
    const absl::StatusOr<std::string> json = ToJson(*answer_);
    if (json.ok()) {
      pending_ = ConnectMessage(*json);
    } else {
      ending_->call().Cancel();
      End(ToGrpcStatus(json.status()));
    }
  }

  void End(const grpc::Status& status) {
    ended_ = true;
    const bool explain = !status.ok() && target_.explain != nullptr;
    pending_ = ConnectEnd(explain ? target_.explain(status) : status);
  }

  const std::unique_ptr<Ending> ending_;
  const std::unique_ptr<Message> answer_;
  const Target& target_;
  const int socket_;
  const absl::Duration quiet_;
  absl::Duration silent_;  // since the last message
  std::string pending_;    // of which `sent_` bytes were sent
  size_t sent_ = 0;
  bool ended_ = false;
};

ConnectBridge::ConnectBridge(std::vector<Target> targets, absl::Duration quiet)
    : targets_(std::move(targets)), quiet_(quiet) {
  for (const Target& target : targets_) services_.push_back(target.service);
}

std::optional<HttpResponse> ConnectBridge::Check(const HttpRequest& request) const {
  std::variant<const MethodDescriptor*, HttpResponse> found = FindConnectMethod(request, services_);
  if (auto* const refusal = std::get_if<HttpResponse>(&found)) return std::move(*refusal);
  return std::nullopt;
}

HttpResponse ConnectBridge::Call(const HttpRequest& request, const Caller& caller) {
  std::variant<const MethodDescriptor*, HttpResponse> found = FindConnectMethod(request, services_);
  if (auto* const refusal = std::get_if<HttpResponse>(&found)) return std::move(*refusal);
  const MethodDescriptor& method = *std::get<const MethodDescriptor*>(found);
  const absl::StatusOr<std::unique_ptr<Message>> message = ReadConnectRequest(request, method);
  if (!message.ok()) return ConnectErrorResponse(message.status());
  {
    MutexLock lock(&mutex_);
    if (stopped_) {
      return ConnectErrorResponse(MakeError(Reason::kShuttingDown, "this program stops"));
    }
  }
  const Target& target = TargetOf(method);
  GenericCallOptions options;
  options.method = absl::StrCat("/", method.service()->full_name(), "/", method.name());
  options.metadata = caller.metadata;
  options.timeout = ConnectTimeout(request);
  if (!options.timeout.has_value() && !method.server_streaming()) options.timeout = target.timeout;
  auto ending = std::make_unique<Ending>(
      this, std::make_unique<GenericCall>(target.channel(), options, **message), caller.name);

  if (caller.allowed != nullptr && !caller.allowed()) ending->call().Cancel();

  HttpResponse response;
  response.headers = {{"Cache-Control", "no-store"}};
  if (method.server_streaming()) {
    response.headers.emplace_back("Content-Type", "application/connect+json");
    response.source =
        std::make_unique<Stream>(std::move(ending), method, target, request.socket, quiet_);
    return response;
  }
  const std::unique_ptr<Message> answer = NewAnswer(method);
  while (ending->call().Read(answer.get(), kLook) == GenericCall::Next::kQuiet) {
    if (ClientGone(request.socket)) ending->call().Cancel();
  }
  const grpc::Status status = ending->call().Finish();
  if (!status.ok()) {
    return ConnectErrorResponse(target.explain == nullptr ? status : target.explain(status));
  }
  const absl::StatusOr<std::string> json = ToJson(*answer);
  if (!json.ok()) return ConnectErrorResponse(json.status());
  response.headers.emplace_back("Content-Type", "application/json");
  response.body = *json;
  return response;
}

const ConnectBridge::Target& ConnectBridge::TargetOf(const MethodDescriptor& method) const {
  return *std::find_if(targets_.begin(), targets_.end(), [&](const Target& target) {
    return target.service.name == method.service()->full_name();
  });
}

void ConnectBridge::EndCalls(const std::string& caller) {
  MutexLock lock(&mutex_);
  for (const auto& [call, name] : calls_) {
    if (name == caller) call->Cancel();
  }
}

void ConnectBridge::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  for (const auto& [call, name] : calls_) call->Cancel();
}

}  // namespace arkshare
