#include "services/peer/serve/upload_call.h"

#include <absl/status/statusor.h>

#include <string>
#include <utility>

#include "lib/rpc/caller_shares.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/key_credentials.h"

namespace arkshare {
namespace {

constexpr absl::Duration kStallLimit = absl::Seconds(30);

v1::DownloadResponse::Queued ToProto(const UploadQueue::Place& place) {
  v1::DownloadResponse::Queued queued;
  queued.set_position(static_cast<uint32_t>(place.position));
  if (place.estimated_wait) {
    *queued.mutable_estimated_wait() = arkshare::ToProto(*place.estimated_wait);
  }
  return queued;
}

}  // namespace

UploadCall::UploadCall(grpc::ServerContext* context, UploadQueue* queue, IdleWatchdog* watchdog)
    : context_(context),
      queue_(queue),
      watch_(watchdog, kStallLimit, [context] { context->TryCancel(); }),
      wanted_([this] {
        watch_.Progress();
        return !context_->IsCancelled();
      }) {}

absl::Status UploadCall::WaitForSlot(UploadQueue::Subject subject, uint64_t bytes,
                                     WritePlace write) {
  subject.receiver = CallerKey(*context_);
  // The flow is the connection: the receiver's key is not known here, and several receivers may
  // share an address.
  const std::string peer = context_->peer();
  absl::StatusOr<UploadQueue::Slot> slot = queue_->WaitForSlot(
      {.flow = peer, .network = NetworkOfCaller(peer)}, bytes,
      [&](const UploadQueue::Place& place) {
        watch_.Progress();
        return !context_->IsCancelled() && write(ToProto(place));
      },
      [context = context_] { context->TryCancel(); }, std::move(subject));
  if (!slot.ok()) return slot.status();
  slot_.emplace(*std::move(slot));
  return absl::OkStatus();
}

absl::Status ReceiverGone() { return absl::CancelledError("the receiver has gone"); }

}  // namespace arkshare
