// A call that uploads: its wait for a slot, its pace, and its end when the receiver has gone.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_CALL_H_
#define ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_CALL_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <grpcpp/server_context.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "arkshare/v1/file.pb.h"
#include "lib/rpc/idle_watchdog.h"
#include "services/peer/serve/upload_queue.h"

namespace arkshare {

// Shared by Download and DownloadMany. Cancels the call when the receiver reads nothing for 30
// seconds. Not thread-safe.
class UploadCall {
 public:
  // All must outlive it.
  UploadCall(grpc::ServerContext* context, UploadQueue* queue, IdleWatchdog* watchdog);

  // Waits for a slot for `bytes` of `subject`, and adds the receiver's key to it; keeps the slot
  // until the call ends. Meanwhile `write` tells the receiver its place; it returns false when the
  // receiver has gone. Errors: those of UploadQueue::WaitForSlot.
  using WritePlace = absl::FunctionRef<bool(const v1::DownloadResponse::Queued& place)>;
  absl::Status WaitForSlot(UploadQueue::Subject subject, uint64_t bytes, WritePlace write);

  // Returns how many of the `left` bytes, more than 0, to send now (UploadQueue::Slot::NextBytes);
  // 0 when the receiver has gone. Requires a slot.
  uint64_t NextBytes(uint64_t left) { return slot_->NextBytes(left, wanted_); }
  // Whether there is an upload limit now.
  bool limited() const { return queue_->limit() > 0; }
  // The receiver has taken something.
  void Progress() { watch_.Progress(); }

 private:
  grpc::ServerContext* const context_;
  UploadQueue* const queue_;
  IdleWatchdog::Watch watch_;
  const std::function<bool()> wanted_;
  std::optional<UploadQueue::Slot> slot_;
};

// The status of a call whose receiver has gone.
absl::Status ReceiverGone();

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_CALL_H_
