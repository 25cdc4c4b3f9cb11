// The live peers: their numbers, tokens, leases and streams, which decide what the catalog shows.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_SESSIONS_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_SESSIONS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/key.h"
#include "services/index/catalog/records.h"
#include "services/index/sessions/announced_shelf.h"
#include "services/index/sessions/reached_peers.h"
#include "services/index/shared_log/log_metrics.h"

namespace arkshare {

// LocalSessions has them in the memory of this process. ReplicatedSessions shares them with other
// replicas of the index, so an answer can take some milliseconds: that is why answers are calls of
// `done`. Each `done` is called exactly once, from any thread, without any lock of Sessions, and
// possibly before the method returns.
//
// Each method that takes a token and has a result returns SESSION_UNKNOWN when no session has the
// token (any more), or SESSION_SUPERSEDED when the key has registered again since. Thread-safe. No
// method blocks.
class Sessions {
 public:
  // Ends a stream from the side of the index. Called without any lock of Sessions.
  using EndStream = std::function<void(const absl::Status&)>;
  // Tells the peer that the index can, or cannot, reach it any more. Called in the same way.
  using TellReached = std::function<void(bool reached)>;
  template <typename Result>
  using Done = std::function<void(absl::StatusOr<Result>)>;

  virtual ~Sessions() = default;

  virtual absl::Duration lease() const = 0;
  // Whether other replicas of the index know the sessions, too.
  virtual bool replicated() const = 0;
  // Names what the revisions and sessions are of: 16 bytes.
  virtual std::string boot_id() const = 0;
  // The last revision of the shared log that the catalog has; 0 without one.
  virtual uint64_t revision() const = 0;
  // How long this replica has had no connection to the others; zero while it has one.
  virtual absl::Duration behind() const = 0;
  // Returns the figures of the shared log; nullopt without one.
  virtual std::optional<LogMetrics> log_metrics() const { return std::nullopt; }
  // Calls `done` when the catalog has this revision, or everything that any replica has answered
  // before the call. INDEX_BEHIND, STORE_UNREACHABLE.
  virtual void AwaitRevision(uint64_t revision, std::function<void(absl::Status)> done) = 0;
  virtual void AwaitLatest(std::function<void(absl::Status)> done) = 0;
  // Returns how many sessions have ended because their peers were silent.
  virtual uint64_t lapsed_count() const = 0;

  // Returns the order of a registration. Of two proven registrations of one key the one that began
  // later wins, whichever is proven first.
  virtual void BeginRegistration(Done<uint64_t> done) = 0;
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
  virtual std::optional<ReachedPeer> FindRival(const PublicKey& key,
                                               const std::string& address) = 0;
  struct Registered {
    uint32_t peer_id = 0;
    std::string token;
    uint64_t largest_listing = 0;  // the largest number known of the key; 0 for none
  };
  // KEY_IN_USE for an unproven registration of a key that has a live session, and for one whose
  // rival is not `absent`.
  virtual void Register(Registration registration, Done<Registered> done) = 0;

  struct StreamStart {
    uint64_t stream_id = 0;
    uint64_t acknowledged = 0;
    uint64_t revision = 0;  // of the shared log, when it was opened; 0 without one
  };
  // Shows the peer's books. An older stream of the session ends with STREAM_REPLACED. A peer that
  // calls from another `host` than at its registration gets SESSION_UNKNOWN, because its address
  // has changed. Also takes back a session of the index's former process, until no such session has
  // come back for a lease.
  virtual void OpenStream(const std::string& token, const std::string& host, EndStream end_stream,
                          TellReached tell, Done<StreamStart> done) = 0;
  // Keeps the lease from lapsing while a message of the session's stream waits to be applied: until
  // ReleaseLease is called for the message, or the stream is closed or replaced. Several messages
  // may wait; each release renews the lease.
  virtual void HoldLease(const std::string& token, uint64_t stream_id) = 0;
  // Requires one call for each HoldLease. Does nothing for a stream that is not the session's last.
  virtual void ReleaseLease(const std::string& token, uint64_t stream_id) = 0;
  struct Applied {
    uint64_t acknowledged = 0;  // the number of the last statement that has been applied
    uint64_t revision = 0;      // of the shared log, that has them all; 0 without one
  };
  // Whether the next message of a stream should be read now. False while messages that this index
  // is about to share with its replicas take much memory: then AwaitRoom calls `go` later.
  virtual bool has_room() const { return true; }
  virtual void AwaitRoom(std::function<void()> go) { go(); }
  // Applies the message. A stream's messages are applied in the order of the calls, which must not
  // overlap; several may be without their answer. SEQUENCE_GAP, LIMIT_EXCEEDED, INVALID_FIELD;
  // STREAM_REPLACED for a stream that is not the session's last.
  virtual void Apply(const std::string& token, uint64_t stream_id, Announcement announcement,
                     Done<Applied> done) = 0;
  // Hides the peer's books until another stream opens or the lease ends. Does nothing for a stream
  // that is not the session's last. `done` is called when they are hidden.
  virtual void CloseStream(const std::string& token, uint64_t stream_id,
                           std::function<void()> done) = 0;

  virtual void KeyOf(const std::string& token, Done<PublicKey> done) = 0;
  struct Recorded {
    std::vector<absl::Status> statuses;  // of each change
    uint64_t revision = 0;               // of the shared log, that made them; 0 without one
  };
  // Makes each change in one step. The changes must stay until `done` is called. SESSION_UNKNOWN
  // also for a session that was taken back, until its peer has begun to state its folder: before
  // that, the change would be missing from the snapshot that the peer is about to state.
  virtual void UpdateOwner(const std::string& token, absl::Span<const OwnerChange> changes,
                           Done<Recorded> done) = 0;
  // Ends the session, if the token has one. OK when it has ended.
  virtual void Unregister(const std::string& token, std::function<void(absl::Status)> done) = 0;
  // Ends the session of the key, if there is one, and does not take back a former one.
  virtual void EndOf(const PublicKey& key, const absl::Status& why) = 0;

  // Returns the peer that is to be dialled again now, which EndReachCheck must end; nullopt for
  // none.
  virtual std::optional<ReachedPeer> BeginReachCheck() = 0;
  // Hides the books of a peer that does not answer any more, or shows them again, and tells the
  // peer.
  virtual void EndReachCheck(const ReachedPeer& checked, bool answered) = 0;

  // Ends the sessions whose lease has lapsed. Returns how long until the next lease can lapse, at
  // most a lease.
  virtual absl::Duration Expire() = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_SESSIONS_H_
