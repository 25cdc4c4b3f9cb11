// The live peers: their numbers, tokens, leases and streams, which decide what the catalog shows.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_SESSIONS_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_SESSIONS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/index/catalog/catalog.h"
#include "services/index/catalog/records.h"
#include "services/index/sessions/announced_shelf.h"
#include "services/index/sessions/kept_sessions.h"
#include "services/index/sessions/peer_ids.h"
#include "services/index/sessions/reached_peers.h"
#include "services/index/sessions/session_table.h"
#include "services/index/sessions/superseded_tokens.h"

namespace arkshare {

// Each method that takes a token returns SESSION_UNKNOWN when no session has the token (any more),
// or SESSION_SUPERSEDED when the key has registered again since.
//
// Thread-safe. Order of locks: the catalog's is taken under Sessions::mutex_ (when a session begins
// or ends, and when its stream opens or closes) and under the lock of an AnnouncedShelf (when a
// message is applied). No thread holds both of these.
class Sessions {
 public:
  struct Options {
    absl::Duration lease = absl::Seconds(10);
    // The numbers and sessions of earlier runs; without them no number outlives its session.
    std::optional<PeerIds> peer_ids;
    // The port of the index's relay, for sessions that are taken back; 0: it has none.
    uint32_t relay_port = 0;
  };
  // Ends a stream from the side of the index. Called without any lock of Sessions.
  using EndStream = std::function<void(const absl::Status&)>;
  // Tells the peer that the index can, or cannot, reach it any more. Called in the same way.
  using TellReached = std::function<void(bool reached)>;

  Sessions(Options options, const Clock* clock, Catalog* catalog);

  absl::Duration lease() const { return lease_; }
  // Returns how many sessions have ended because their peers were silent.
  uint64_t lapsed_count() const { return lapsed_count_; }

  // Returns the order of a registration. Of two proven registrations of one key the one that began
  // later wins, whichever is proven first.
  uint64_t BeginRegistration();
  struct Registration {
    uint64_t order = 0;  // of BeginRegistration
    PeerInfo peer;       // with the number that it asks for, or 0
    bool proven = false;
    // The host in peer.address; empty when the peer advertised its address, or has none because it
    // is reached through the relay.
    std::string seen_at;
    bool keep = false;    // in the state file, if it is proven: the next process can take it back
    uint64_t absent = 0;  // ReachedPeer::order of the rival that does not answer any more
    bool owned = false;   // the connection has proven the key: it replaces any older session of it
  };
  // Returns the peer of a live session of the key that was reached at another address. If it still
  // answers, two peers have the same key, and the one that was here first is not replaced.
  std::optional<ReachedPeer> FindRival(const PublicKey& key, const std::string& address);
  struct Registered {
    uint32_t peer_id = 0;
    std::string token;
    uint64_t largest_listing = 0;  // the largest number known of the key; 0 for none
  };
  // KEY_IN_USE for an unproven registration of a key that has a live session, and for one whose
  // rival is not `absent`.
  absl::StatusOr<Registered> Register(Registration registration);

  struct StreamStart {
    uint64_t stream_id = 0;
    uint64_t acknowledged = 0;
  };
  // Shows the peer's books. An older stream of the session ends with STREAM_REPLACED. A peer that
  // calls from another `host` than at its registration gets SESSION_UNKNOWN, because its address
  // has changed. Also takes back a session of the index's former process, until no such session has
  // come back for a lease.
  absl::StatusOr<StreamStart> OpenStream(const std::string& token, const std::string& host,
                                         EndStream end_stream, TellReached tell = nullptr);
  // Keeps the lease from lapsing while a message of the session's stream waits to be applied: until
  // ReleaseLease is called for the message, or the stream is closed or replaced. Several messages
  // may wait; each release renews the lease.
  void HoldLease(const std::string& token, uint64_t stream_id);
  // Requires one call for each HoldLease. Does nothing for a stream that is not the session's last.
  void ReleaseLease(const std::string& token, uint64_t stream_id);
  // Applies the message and returns the number of the last statement that has been applied.
  // SEQUENCE_GAP, LIMIT_EXCEEDED, INVALID_FIELD; STREAM_REPLACED for a stream that is not the
  // session's last.
  absl::StatusOr<uint64_t> Apply(const std::string& token, uint64_t stream_id,
                                 const Announcement& announcement);
  // Hides the peer's books until another stream opens or the lease ends. Does nothing for a stream
  // that is not the session's last.
  void CloseStream(const std::string& token, uint64_t stream_id);

  absl::StatusOr<PublicKey> KeyOf(const std::string& token);
  // Makes each change in one step and returns the status of each. SESSION_UNKNOWN also for a
  // session that was taken back, until its peer has begun to state its folder: before that, the
  // change would be missing from the snapshot that the peer is about to state.
  absl::StatusOr<std::vector<absl::Status>> UpdateOwner(const std::string& token,
                                                        absl::Span<const OwnerChange> changes);
  // Ends the session, if the token has one.
  void Unregister(const std::string& token);
  // Ends the session of the key, if there is one, and does not take back a former one.
  void EndOf(const PublicKey& key, const absl::Status& why);

  // Returns the peer that is to be dialled again now, which EndReachCheck must end; nullopt for
  // none.
  std::optional<ReachedPeer> BeginReachCheck();
  // Hides the books of a peer that does not answer any more, or shows them again, and tells the
  // peer.
  void EndReachCheck(const ReachedPeer& checked, bool answered);

  // Ends the sessions whose lease has lapsed. Returns how long until the next lease can lapse, at
  // most a lease.
  absl::Duration Expire();
  // Returns the contents of the state file (numbers and sessions) if they have changed since the
  // last call.
  std::optional<std::string> TakeChangedIds();
  // The result of TakeChangedIds could not be written; its next call returns the contents again.
  void IdsNotSaved();

 private:
  // Actions to run once the lock is given back.
  class AfterUnlock;

  absl::StatusOr<PeerSessionPtr> FindLocked(const std::string& token, AfterUnlock& after_unlock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint32_t ChooseIdLocked(const PublicKey& key, uint32_t requested) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the place of the key's older session, if there is one.
  PeerSessionPtr BeginLocked(Registration registration, std::string token,
                             AfterUnlock& after_unlock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes back a session of the index's former process. Returns null when the session was not kept,
  // or it is too late.
  PeerSessionPtr TakeBackLocked(const std::string& token, AfterUnlock& after_unlock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns the session if this is its open stream, otherwise null.
  PeerSessionPtr FindStreamLocked(const std::string& token, uint64_t stream_id,
                                  AfterUnlock& after_unlock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndLocked(const PeerSessionPtr& session, const absl::Status& why, AfterUnlock& after_unlock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ExpireLocked(AfterUnlock& after_unlock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const absl::Duration lease_;
  const uint32_t relay_port_;
  const Clock* const clock_;
  Catalog* const catalog_;
  // Held while peers come and go in the catalog, so that the order is the same there.
  Mutex mutex_;
  SessionTable table_ ABSL_GUARDED_BY(mutex_);
  SupersededTokens superseded_ ABSL_GUARDED_BY(mutex_);
  ReachedPeers reached_ ABSL_GUARDED_BY(mutex_);  // of the proven sessions
  KeptSessions kept_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_order_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t next_stream_ ABSL_GUARDED_BY(mutex_) = 1;
  std::atomic<uint64_t> lapsed_count_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_SESSIONS_H_
