// Keeps this peer's session with the index: registers, announces the library, sends heartbeats, and
// begins again after every failure.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_ANNOUNCER_H_
#define ARKSHARE_SERVICES_PEER_SESSION_ANNOUNCER_H_

#include <absl/random/random.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "arkshare/v1/index.pb.h"
#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/rpc/idle_watchdog.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/library/library.h"
#include "services/peer/reach/port_mapper.h"
#include "services/peer/session/announce_stream.h"
#include "services/peer/session/index_client.h"
#include "services/peer/session/listing_numbers.h"
#include "services/peer/session/recheck.h"
#include "services/peer/session/recheck_timer.h"
#include "services/peer/session/registration_gate.h"
#include "services/peer/session/retry.h"
#include "services/peer/session/session_state.h"
#include "services/peer/session/session_statements.h"
#include "services/peer/session/upload_load.h"
#include "services/peer/session/way_plan.h"

namespace arkshare {

// Thread-safe. One thread registers and runs AnnounceStream. Statements that the index has not
// acknowledged are kept, and repeated on the next stream of the session. A new session begins with
// a new snapshot, and so does a session that a restarted index has kept.
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
    // The relay is tried again while the index does not reach this peer: after this, and after
    // twice the last pause, up to `recheck`. It is short, because a try fails whenever the index or
    // this peer is too busy for a moment.
    absl::Duration relay_retry = absl::Seconds(1);
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
    Membership* membership = nullptr;  // nullptr: this peer is in no group
    // Answers the calls of the index, so that its relay can carry connections to this peer;
    // nullptr: none are taken, and the relay is not used.
    CallAnswerer* calls = nullptr;
    // Opens a port of the router when the index cannot dial this peer; nullptr: not at all.
    PortMapper* mapper = nullptr;
    // Returns where peers in the same home reach this one; "" for nowhere. Called from the
    // announcer's thread, and may block for some seconds; null: nowhere.
    std::function<std::string()> local_address{};
  };

  // Calls `on_registered` after every registration, and `on_superseded` once when another peer has
  // registered with the same key. Both run in the announcer's thread.
  Announcer(Options options, Parts parts, PublicKey key, std::function<void()> on_registered,
            std::function<void()> on_superseded);
  ~Announcer();

  void Start();
  // Unregisters and ends the threads.
  void Stop();

  using State = SessionState::View;
  State GetState() const { return state_.Get(); }
  // Returns why the index does not list a listing that this peer has announced, for people; "" when
  // it does, or is not known to.
  std::string WhyLeftOut(uint64_t listing) const { return statements_.WhyLeftOut(listing); }
  // Returns how many books the index does not list for such a reason.
  size_t left_out() const { return statements_.left_out(); }

 private:
  using StreamEnd = AnnounceStream::End;
  void Run();
  // Registers. When that fails, notes the trouble, waits, doubles `retry` and returns false.
  bool RegisterOrWait(absl::Duration& retry);
  // Replaces the session, but keeps it when the call fails. Tries the relay when the index cannot
  // dial this peer, or first if the relay was the way of the last session.
  absl::Status Register();
  absl::StatusOr<v1::RegisterResponse> RegisterOneWay(bool by_relay);
  // Registers by the relay that the ledger remembers, and by another one that the index has
  // instead.
  absl::StatusOr<v1::RegisterResponse> RegisterByRelay();
  v1::RegisterRequest MakeRequest(bool by_relay, bool try_mapped = false);
  // Begins to use the session of the answer.
  void Adopt(const v1::RegisterResponse& response);
  // Whether the relay can help a peer of which the index says this.
  bool MayBeCarried(const v1::RegisterResponse::Reachability& reachability) const;
  // Remembers the relay of the index in use, for this run and the next one.
  void NoteRelay(const v1::RegisterResponse& response);
  void UseRelay();
  // A stream has begun, perhaps at another replica, which has its own relay.
  void Moved(uint32_t relay_port);
  // Looks for a better way while a stream runs, on the thread of `recheck_`. Returns whether a
  // session has begun that takes the place of the present one.
  bool FindBetterWay();
  // Returns the request that could find one now; nothing when there is no reason to look.
  std::optional<v1::RegisterRequest> NextRecheck();
  // Returns the port that the router has opened, if it has.
  std::optional<PortMapper::Mapping> Mapped() const;
  // The index has reached this peer by the request, or has not.
  void Judge(const v1::RegisterRequest& request, bool reached);
  // Notes what people shall know of a session that has begun.
  void NoteRegistered(const v1::RegisterResponse& response, size_t books);
  void Unregister();

  // Announces on one stream after the other until the session ends.
  StreamEnd RunSession();
  // Announces on one stream until it ends.
  StreamEnd Announce();

  // Waits at random within the window; false when stopping.
  bool WaitBeforeRetry(RetryWindow window);
  bool stopping() const;
  absl::Time Now() const { return parts_.clock->Monotonic(); }

  const Options options_;
  const Parts parts_;
  const PublicKey key_;
  const std::function<void()> on_registered_;
  const std::function<void()> on_superseded_;
  SessionStatements statements_;
  SessionState state_;

  // All of these are for the announcer thread only.
  absl::BitGen random_;
  absl::Duration lease_ = absl::Seconds(10);
  ListingNumbers numbers_;
  RecheckTimer recheck_timer_;  // when the index is asked to dial back again, without a way
  WayPlan way_plan_;
  Recheck recheck_;
  v1::RegisterRequest rechecked_;  // that recheck_ sends
  bool by_relay_ = false;          // how this peer registers first
  uint32_t relay_port_ = 0;        // of the index in use; 0: it has no relay
  uint32_t kept_relay_port_ = 0;   // in the ledger
  RecheckTimer return_timer_;      // when an earlier index may be used again
  GrowingPause limit_pause_;
  GrowingPause session_pause_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  AnnounceStream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_ANNOUNCER_H_
