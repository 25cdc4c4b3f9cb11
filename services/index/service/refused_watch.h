// A Watch that the index refuses, after a pause.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_REFUSED_WATCH_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_REFUSED_WATCH_H_

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>

#include "lib/core/mutex.h"
#include "lib/rpc/caller_shares.h"
#include "services/index/service/call_stats.h"
#include "services/index/service/streams.h"

namespace arkshare {

// Answers `why` after `pause`, so that a watcher who comes again as soon as it is refused costs the
// index one call in each pause. Ends sooner when the watcher goes or the streams are ended. Deletes
// itself.
class RefusedWatch : public grpc::ServerWriteReactor<grpc::ByteBuffer>, public EndableStream {
 public:
  // Gives `share` back at the end. `streams` and `stats` must outlive it.
  RefusedWatch(absl::Status why, absl::Duration pause, CallerShares::Share share, Streams* streams,
               CallStats* stats);

  void End(const absl::Status& why) override;
  void OnCancel() override { End(absl::CancelledError("the watcher has gone")); }
  void OnDone() override;

 private:
  void OnAlarm();

  const absl::Status why_;
  const CallerShares::Share share_;
  Streams* const streams_;
  CallStats* const stats_;
  Mutex mutex_;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  // OnDone or OnAlarm was called; the second of them deletes this.
  bool one_is_over_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Alarm alarm_;
  // Last, because other threads may end the stream as soon as it has an id.
  const uint64_t id_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_REFUSED_WATCH_H_
