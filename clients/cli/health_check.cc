#include "clients/cli/health_check.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <grpcpp/generic/generic_stub.h>

#include <future>
#include <utility>

#include "clients/cli/no_pipe_signal.h"
#include "grpc/health/v1/health.pb.h"
#include "lib/core/errors.h"
#include "lib/rpc/answers.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/key_handshake.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr absl::Duration kHandshakeTimeout = absl::Seconds(5);

}  // namespace

absl::StatusOr<HealthCheck::Health> HealthCheck::Check(const std::string& address) {
  using grpc::health::v1::HealthCheckRequest;
  using grpc::health::v1::HealthCheckResponse;
  const bool is_socket = absl::StartsWith(address, "unix:");
  std::optional<PublicKey> key;
  if (!is_socket) {
    absl::StatusOr<std::optional<PublicKey>> known = ProvenKey(address);
    if (!known.ok()) return known.status();
    key = *known;
  }
  const PublicKey* const expected = key.has_value() ? &*key : nullptr;
  KeepCallbackQueue();
  const std::shared_ptr<grpc::Channel> channel =
      is_socket ? MakeChannel(address, grpc::InsecureChannelCredentials())
                : dialer_->dialer().Dial(address, expected);
  grpc::TemplatedGenericStub<HealthCheckRequest, HealthCheckResponse> stub(channel);
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  Interrupts::CallGuard guard(watch_->interrupts(), &context);
  const HealthCheckRequest request;
  HealthCheckResponse response;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &response,
                 [&done](grpc::Status status) { done.set_value(std::move(status)); });
  const grpc::Status status = done.get_future().get();
  if (watch_->interrupted()) return watch_->Interrupted();
  if (!status.ok()) {
    const absl::Status why = FromGrpcStatus(status, address, Reason::kPeerUnreachable);
    return is_socket ? why : dialer_->WithCause(why, address, address, expected);
  }
  Health health;
  health.serving = response.status() == HealthCheckResponse::SERVING;
  if (health.serving) health.replica = AskForReplica(channel);
  return health;
}

std::optional<v1::ReplicaState> HealthCheck::AskForReplica(
    const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  Interrupts::CallGuard guard(watch_->interrupts(), &context);
  v1::ListPeersRequest request;
  request.set_page_size(1);
  v1::ListPeersResponse response;
  // Peers do not have the call.
  const grpc::Status status =
      v1::IndexService::NewStub(channel)->ListPeers(&context, request, &response);
  if (!status.ok() || !CheckAnswer(request, response).ok() || !response.has_replica()) {
    return std::nullopt;
  }
  return response.replica();
}

absl::StatusOr<std::optional<PublicKey>> HealthCheck::ProvenKey(const std::string& address) {
  if (absl::Status known = dialer_->Know(); !known.ok()) return known;
  if (!dialer_->dials_as_member()) return std::nullopt;
  const NoPipeSignal no_signal;
  const absl::StatusOr<PublicKey> key =
      ReadKeyAt(address, dialer_->group()->leaf, kHandshakeTimeout);
  if (GetReason(key.status()) == Reason::kIndexUnreachable) {
    // ReadKeyAt takes what it dials for an index.
    return MakeError(Reason::kPeerUnreachable,
                     absl::StrReplaceAll(key.status().message(), {{"the index at ", ""}}));
  }
  if (!key.ok()) return key.status();
  if (*key != dialer_->group()->index && !names_->Get(key->view()).Has(key->view())) {
    return MakeError(Reason::kWrongKey,
                     absl::StrCat("the program at ", address, " has the key ", key->hex(),
                                  ", which is not in your group; check the address"));
  }
  return *key;
}

}  // namespace arkshare
