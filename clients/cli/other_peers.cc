#include "clients/cli/other_peers.h"

#include <absl/strings/str_cat.h>

#include <chrono>

#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"

namespace arkshare {

absl::StatusOr<std::unique_ptr<v1::FileService::Stub>> OtherPeers::Connect(
    const std::string& address, const PublicKey& key, absl::Duration timeout) {
  if (absl::Status known = dialer_->Know(); !known.ok()) return known;
  const std::shared_ptr<grpc::Channel> channel = dialer_->dialer().Dial(address, &key);
  const absl::Time end = Clock::Real()->Monotonic() + timeout;
  grpc_connectivity_state state = channel->GetState(/*try_to_connect=*/true);
  // Waits in short steps: an interrupt does not wake a channel that waits for its state.
  while (state != GRPC_CHANNEL_READY) {
    if (watch_->interrupted()) return watch_->Interrupted();
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || Clock::Real()->Monotonic() > end) {
      return dialer_->WithCause(
          MakeError(Reason::kPeerUnreachable,
                    absl::StrCat("the peer at ", address, " does not answer in time")),
          absl::StrCat("the peer at ", address), address, &key);
    }
    channel->WaitForStateChange(state,
                                std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    state = channel->GetState(/*try_to_connect=*/true);
  }
  return v1::FileService::NewStub(channel);
}

absl::StatusOr<v1::PingResponse> OtherPeers::Ping(v1::FileService::Stub& stub,
                                                  const v1::PingRequest& request,
                                                  const std::string& server) {
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  Interrupts::CallGuard guard(watch_->interrupts(), &context);
  v1::PingResponse response;
  const grpc::Status status = stub.Ping(&context, request, &response);
  if (watch_->interrupted()) return watch_->Interrupted();
  if (!status.ok()) return FromGrpcStatus(status, server, Reason::kPeerUnreachable);
  return response;
}

}  // namespace arkshare
