// Who is here: numbers, tokens, leases and streams. What is visible of the catalog follows from it.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_SESSIONS_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_SESSIONS_H_

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/index/catalog/catalog.h"
#include "services/index/catalog/records.h"
#include "services/index/sessions/peer_ids.h"

namespace arkshare {

// What one message of an Announce stream says.
struct Announcement {
  uint64_t first_sequence = 0;
  std::vector<StatementRecord> statements;
  bool snapshot_complete = false;
  uint32_t free_slots = 0;
  uint64_t upload_limit = 0;
};

// Thread-safe. A token that is not (or no longer) a session's yields SESSION_UNKNOWN everywhere, or
// SESSION_SUPERSEDED when the key has registered elsewhere since.
class Sessions {
 public:
  struct Options {
    absl::Duration lease = absl::Seconds(10);
    // The numbers and sessions of earlier runs; without them no number outlives its session.
    std::optional<PeerIds> peer_ids;
  };
  // How the index ends a stream of its own accord. Called without any lock of Sessions.
  using EndStream = std::function<void(const absl::Status&)>;

  Sessions(Options options, const Clock* clock, Catalog* catalog);

  absl::Duration lease() const { return lease_; }
  // How many sessions have ended because their peers were silent.
  uint64_t lapsed_count() const { return lapsed_count_; }

  // Of two proven registrations of one key the one that was begun later wins, whichever is proven
  // first.
  uint64_t BeginRegistration();
  struct Registration {
    uint64_t order = 0;  // of BeginRegistration
    PeerInfo peer;       // with the number that it would like, or 0
    bool proven = false;
    std::string seen_at;  // the host that peer.address was made of; empty when it was advertised
    bool keep = false;    // in the state file, if it is proven: the peer can begin it anew
  };
  struct Registered {
    uint32_t peer_id = 0;
    std::string token;
  };
  // KEY_IN_USE for an unproven registration of a key that has a live session.
  absl::StatusOr<Registered> Register(Registration registration);

  struct StreamStart {
    uint64_t stream_id = 0;
    uint64_t acknowledged = 0;
  };
  // Shows the peer's books. An older stream of the session ends with STREAM_REPLACED. A peer that
  // is at another `host` than it was seen at gets SESSION_UNKNOWN: its address has to be learnt
  // anew. Also takes back a session of the index's former process, until none has come for a lease.
  absl::StatusOr<StreamStart> OpenStream(const std::string& token, const std::string& host,
                                         EndStream end_stream);
  // A message of the session's stream has come, but has to wait: until ReleaseLease is called for
  // it, or the stream is closed or replaced, the peer is not silent, however long that takes.
  // Several messages may wait: the lease begins anew with each release, and lapses after the last.
  void HoldLease(const std::string& token, uint64_t stream_id);
  // Once for each HoldLease. Of a stream that is not the session's last it means nothing.
  void ReleaseLease(const std::string& token, uint64_t stream_id);
  // The number of the last statement that has been applied. SEQUENCE_GAP, LIMIT_EXCEEDED,
  // INVALID_FIELD; STREAM_REPLACED for a stream that is not the session's last.
  absl::StatusOr<uint64_t> Apply(const std::string& token, uint64_t stream_id,
                                 const Announcement& announcement);
  // Hides the peer's books until another stream or the end of the lease. The end of a stream that
  // is not the session's last means nothing.
  void CloseStream(const std::string& token, uint64_t stream_id);

  absl::StatusOr<PublicKey> KeyOf(const std::string& token);
  // All changes in one step; the status of each. SESSION_UNKNOWN also for a session that was taken
  // back until its peer has begun to state its folder: the change would be none of its snapshot.
  absl::StatusOr<std::vector<absl::Status>> UpdateOwner(const std::string& token,
                                                        absl::Span<const OwnerChange> changes);
  // A token that is not known is already what the caller wants.
  void Unregister(const std::string& token);

  // Ends the sessions whose lease has lapsed. How long until the next one may, at most the lease.
  absl::Duration Expire();
  // Numbers and sessions, when they changed since the last call: to be written to the state file.
  std::optional<std::string> TakeChangedIds();
  // What TakeChangedIds yielded could not be written: its next call yields it again.
  void IdsNotSaved();

 private:
  struct Session {
    uint64_t order = 0;
    std::string token;
    PublicKey key;
    uint32_t peer_id = 0;
    bool proven = false;
    std::string seen_at;  // of Registration
    bool kept = false;    // in peer_ids_
    bool stating = true;  // since its registration, or its first message after it was taken back
    Catalog::ShelfPtr shelf;
    absl::Time deadline;
    size_t lease_holds = 0;  // of the stream that stands
    uint64_t stream_id = 0;
    EndStream end_stream;  // empty when no stream stands
    // Held while a message of the session is applied, and taken before the lock of them all: what a
    // session says arrives in order, and nobody else waits for it.
    Mutex applying;
    std::atomic<uint64_t> applied = 0;  // the last statement's number
  };
  using SessionPtr = std::shared_ptr<Session>;
  // What has to be done once the lock is given back.
  class Later;

  absl::StatusOr<SessionPtr> FindLocked(const std::string& token, Later& later)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint32_t ChooseIdLocked(const PublicKey& key, uint32_t requested) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the place of the key's older session, if there is one.
  SessionPtr BeginLocked(Registration registration, std::string token, Later& later)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A session of the index's former process; null when it was not kept, or not for so long.
  SessionPtr TakeBackLocked(const std::string& token, Later& later)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropFormerLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The session, when this stream of it stands; otherwise null.
  SessionPtr FindStreamLocked(const std::string& token, uint64_t stream_id, Later& later)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RenewLocked(Session& session) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndLocked(const SessionPtr& session, const absl::Status& why, Later& later)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ExpireLocked(Later& later) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const absl::Duration lease_;
  const Clock* const clock_;
  Catalog* const catalog_;
  // Held while peers come and go in the catalog, so that they do there in the same order.
  Mutex mutex_;
  absl::flat_hash_map<std::string, SessionPtr> by_token_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<PublicKey, SessionPtr> by_key_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint32_t, SessionPtr> by_id_ ABSL_GUARDED_BY(mutex_);
  absl::btree_set<std::pair<absl::Time, Session*>> deadlines_ ABSL_GUARDED_BY(mutex_);
  // Tokens of superseded sessions, so that their peers stop instead of registering again; the last
  // ones only.
  absl::flat_hash_set<std::string> superseded_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> superseded_order_ ABSL_GUARDED_BY(mutex_);
  std::optional<PeerIds> peer_ids_ ABSL_GUARDED_BY(mutex_);
  bool ids_changed_ ABSL_GUARDED_BY(mutex_) = false;
  // Sessions of the former process are taken back until none has come for a lease, then dropped.
  bool taking_back_ ABSL_GUARDED_BY(mutex_);
  absl::Time take_back_until_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_order_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t next_stream_ ABSL_GUARDED_BY(mutex_) = 1;
  std::atomic<uint64_t> lapsed_count_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_SESSIONS_H_
