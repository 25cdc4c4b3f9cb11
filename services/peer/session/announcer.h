// Keeps this peer's session with the index: registers, announces the library, sends heartbeats, and
// begins again after every failure.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_ANNOUNCER_H_
#define ARKSHARE_SERVICES_PEER_SESSION_ANNOUNCER_H_

#include <absl/random/random.h>
#include <absl/status/status.h>
#include <absl/time/time.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/rpc/idle_watchdog.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/library/library.h"
#include "services/peer/session/index_client.h"
#include "services/peer/session/listing_budget.h"
#include "services/peer/session/listing_numbers.h"
#include "services/peer/session/recheck_timer.h"
#include "services/peer/session/registration_gate.h"
#include "services/peer/session/retry.h"
#include "services/peer/session/statement_queue.h"

namespace arkshare {

// This peer's upload capacity, as the index tells other peers.
struct UploadLoad {
  int slots = 0;       // uploads at a time
  int free_slots = 0;  // slots without an upload
  uint64_t limit = 0;  // bytes a second; 0: no limit
};

// Thread-safe. One thread registers and writes statements; while a stream is open, a second one
// reads acknowledgements. Statements that the index has not acknowledged are kept, and repeated on
// the next stream of the session. A new session begins with a new snapshot, and so does a session
// that a restarted index has kept.
class Announcer {
 public:
  struct Options {
    int port = 0;                    // of FileService
    std::string advertised_address;  // "HOST:PORT"; empty: the address that the index sees
    SharePolicy policy = SharePolicy::kMove;
    uint32_t first_peer_id = 0;        // requested when the peer never had a number; 0: any
    bool listens_on_loopback = false;  // no other machine can connect to the port
    // The index is asked again to dial a peer that it could not reach: after this, and then after
    // twice the last wait, up to 16 times this.
    absl::Duration recheck = absl::Minutes(1);
    // The peer looks whether an earlier index answers again: after this, and after twice the last
    // wait, up to 16 times this, when that index then fails once more.
    absl::Duration return_after = absl::Seconds(5);
    // The peer registers again after a session that an index has lost, or that it has made
    // worthless by an answer that breaks the contract: after up to this, and after up to twice the
    // last pause when that session ends within a lease, up to 64 times this.
    absl::Duration session_pause = absl::Seconds(1);
  };
  struct Parts {  // all must outlive it
    IndexClient* index;
    Library* library;
    Ledger* ledger;
    RegistrationGate* gate;
    const Clock* clock;
    // Called from the announcer's thread, without locks.
    std::function<UploadLoad()> upload_load;
    // Returns peers that have not answered this one since the last call. Called in the same way;
    // null: none.
    std::function<std::vector<PublicKey>()> silent_peers;
    IdleWatchdog* watchdog;
  };

  // Calls `on_registered` after every registration, and `on_superseded` once when another peer has
  // registered with the same key. Both run in the announcer's thread.
  Announcer(Options options, Parts parts, PublicKey key, std::function<void()> on_registered,
            std::function<void()> on_superseded);
  ~Announcer();

  void Start();
  // Unregisters and ends the threads.
  void Stop();

  struct State {
    uint32_t peer_id = 0;  // from the last registration, even of an earlier run; 0 for none
    std::string address;   // where other peers reach this one; empty without a session
    bool online = false;
    std::string trouble;  // for people; empty when all is well
  };
  State GetState() const;
  // Returns why the index does not list a listing that this peer has announced, for people; "" when
  // it does, or is not known to.
  std::string WhyLeftOut(uint64_t listing) const;
  // Returns how many books the index does not list for such a reason.
  size_t left_out() const;

 private:
  enum class StreamEnd {
    kBroken,
    kSessionLost,
    kContractBroken,  // by the index
    kOverLimit,
    kSuperseded,
    kRecheck,
    kReturn,  // to an earlier index
    kStopped
  };
  using Stream = grpc::ClientReaderWriter<v1::AnnounceRequest, v1::AnnounceResponse>;
  void Run();
  // Registers. When that fails, notes the trouble, waits, doubles `retry` and returns false.
  bool RegisterOrWait(absl::Duration& retry);
  // Replaces the session, but keeps it when the call fails.
  absl::Status Register();
  // Queues the whole library as the first statements of a session, or again after a restart of the
  // index. Returns the number of books.
  size_t StartSnapshot();

  // Announces on one stream after the other until the session ends.
  StreamEnd RunSession();
  // Announces on one stream until it ends.
  StreamEnd Announce();
  // Reads what the index has of this session and sets where to continue. False: the stream ended.
  absl::StatusOr<bool> OpenStream(Stream& stream);
  // Reads acknowledgements until the stream ends (OK), or one breaks the contract.
  absl::Status ReadAcknowledgements(Stream& stream, IdleWatchdog::Watch& watch);
  // Sends the snapshot, then changes and heartbeats until the stream ends, the announcer stops, or
  // it is time for a recheck (kRecheck) or to use an earlier index (kReturn).
  StreamEnd Beat(Stream& stream, const std::atomic<bool>& ended);
  // Notes what people shall know of a session that is fine otherwise.
  void NoteTroubles();
  // Notes that the index can, or cannot, reach this peer any more.
  void NoteReachedLocked(bool reached) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unregister();
  // Says what the end of a stream means for the session, and notes it as the trouble.
  StreamEnd Classify(const absl::Status& why);
  // Sends the statements that are to be sent as full messages, or an empty message when there are
  // none and `at_least_one` is set. False: the stream is broken.
  bool Send(Stream& stream, bool snapshot_complete, bool at_least_one);

  // Waits at random within the window; false when stopping.
  bool WaitBeforeRetry(RetryWindow window);
  bool stopping() const;
  absl::Time Now() const { return parts_.clock->Monotonic(); }

  const Options options_;
  const Parts parts_;
  const PublicKey key_;
  const std::function<void()> on_registered_;
  const std::function<void()> on_superseded_;
  absl::BitGen random_;  // announcer thread only
  absl::Duration lease_ = absl::Seconds(10);
  // All of these are for the announcer thread only.
  ListingNumbers numbers_;
  RecheckTimer recheck_timer_;  // when the index is asked to dial back again
  RecheckTimer return_timer_;   // when an earlier index may be used again
  uint64_t most_books_ = 0;     // that the index lists; 0: any number
  GrowingPause limit_pause_;
  GrowingPause session_pause_;
  std::string reachability_;  // in words, of the last registration

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  State state_ ABSL_GUARDED_BY(mutex_);
  ListingBudget budget_ ABSL_GUARDED_BY(mutex_);
  std::string notes_ ABSL_GUARDED_BY(mutex_);    // the trouble of a session that is fine otherwise
  bool reached_ ABSL_GUARDED_BY(mutex_) = true;  // as the index has said since the registration
  grpc::ClientContext* stream_context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  StatementQueue statements_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_ANNOUNCER_H_
