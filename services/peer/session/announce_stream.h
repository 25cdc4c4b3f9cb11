// One stream on which this peer announces its library to the index.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_ANNOUNCE_STREAM_H_
#define ARKSHARE_SERVICES_PEER_SESSION_ANNOUNCE_STREAM_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/rpc/idle_watchdog.h"
#include "services/peer/calls/call_answerer.h"
#include "services/peer/group/membership.h"
#include "services/peer/library/library.h"
#include "services/peer/session/index_client.h"
#include "services/peer/session/recheck_timer.h"
#include "services/peer/session/session_state.h"
#include "services/peer/session/session_statements.h"
#include "services/peer/session/upload_load.h"

namespace arkshare {

// A call of Announce: sends the statements of the session, then changes of the library and
// heartbeats. Run uses two threads: the caller's writes, and another one reads acknowledgements.
// Only Stop may be called from other threads.
class AnnounceStream {
 public:
  // Says how the session goes on.
  enum class End {
    kBroken,  // on another stream
    kSessionLost,
    kContractBroken,  // by the index
    kOverLimit,       // the index takes fewer books
    kSuperseded,
    kRecheck,   // the index is to dial this peer again
    kReturn,    // with an earlier index
    kReplaced,  // by another session of this peer, which has begun
    kStopped
  };
  struct Parts {  // all must outlive it
    IndexClient* index;
    Library* library;
    const Clock* clock;
    IdleWatchdog* watchdog;
    SessionStatements* statements;
    SessionState* state;
    RecheckTimer* recheck_timer;  // due: Run ends with kRecheck
    RecheckTimer* return_timer;   // due, and an earlier index answers: Run ends with kReturn
    // Both are called from the thread of Run, without locks. The second may be null.
    std::function<UploadLoad()> upload_load;
    std::function<std::vector<PublicKey>()> silent_peers;
    Membership* membership = nullptr;  // told of changes of the list of members; nullptr: no group
    CallAnswerer* calls = nullptr;     // answers the calls of the index; nullptr: none are taken
    // The stream is open; the index that has it has a relay at this port, or none (0).
    std::function<void(uint32_t relay_port)> opened{};
    // Returns AnnounceRequest.local_address; null: there is none.
    std::function<std::string()> local_address{};
    // Whether a better session of this peer has begun: Run then ends with kReplaced. Called from
    // the thread of Run, without locks, after each wait for the library. May be null.
    std::function<bool()> replaced{};
  };
  // `lease` is the one of the session: a third of it lies between two heartbeats.
  AnnounceStream(Parts parts, absl::Duration lease);

  // Announces until the stream ends, which becomes the trouble of the session if it has one. Call
  // once.
  End Run();
  // Ends Run soon, with kStopped. A Run that waits for the library needs LibraryFeed::Wake after
  // this.
  void Stop();

 private:
  using Call = grpc::ClientReaderWriter<v1::AnnounceRequest, v1::AnnounceResponse>;
  // Reads what the index has of this session and sets where to continue. False: the stream ended.
  absl::StatusOr<bool> Open();
  // Reads acknowledgements and the list of members until the stream ends (OK), or one breaks the
  // contract.
  absl::Status ReadAcknowledgements();
  // Sends the snapshot, then changes and heartbeats until the stream ends, Stop is called, or it is
  // time for kRecheck or kReturn.
  End Beat();
  // Sends the statements that are to be sent as full messages, or an empty message when there are
  // none and `at_least_one` is set. False: the stream is broken.
  bool Send(bool snapshot_complete, bool at_least_one);
  // Notes as the session's trouble that the stream has failed, and returns what that means.
  End Failed(const absl::Status& why);
  absl::Time Now() const { return parts_.clock->Monotonic(); }

  const Parts parts_;
  const absl::Duration lease_;
  grpc::ClientContext context_;
  IdleWatchdog::Watch watch_;  // cancels context_
  std::unique_ptr<Call> call_;
  std::atomic<bool> stopped_{false};
  bool unreachable_ = false;        // in the index's last message; of the thread that reads
  std::atomic<bool> ended_{false};  // the reader has seen the end of the stream
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_ANNOUNCE_STREAM_H_
