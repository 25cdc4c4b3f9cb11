// The sessions of an index that has no replicas, in the memory of its process.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_LOCAL_SESSIONS_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_LOCAL_SESSIONS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/index/catalog/catalog.h"
#include "services/index/catalog/records.h"
#include "services/index/sessions/after_unlock.h"
#include "services/index/sessions/announced_shelf.h"
#include "services/index/sessions/kept_sessions.h"
#include "services/index/sessions/peer_ids.h"
#include "services/index/sessions/reached_peers.h"
#include "services/index/sessions/session_table.h"
#include "services/index/sessions/sessions.h"
#include "services/index/sessions/superseded_tokens.h"

namespace arkshare {

// The sessions of an index that runs by itself. Calls each `done` before the method returns.
//
// Thread-safe. Order of locks: the catalog's is taken under LocalSessions::mutex_ (when a session
// begins or ends, and when its stream opens or closes) and under the lock of an AnnouncedShelf
// (when a message is applied). No thread holds both of these.
class LocalSessions : public Sessions {
 public:
  struct Options {
    absl::Duration lease = absl::Seconds(10);
    // The numbers and sessions of earlier runs; without them no number outlives its session.
    std::optional<PeerIds> peer_ids;
    // The port of the index's relay, for sessions that are taken back; 0: it has none.
    uint32_t relay_port = 0;
  };

  LocalSessions(Options options, const Clock* clock, Catalog* catalog);

  absl::Duration lease() const override { return lease_; }
  bool replicated() const override { return false; }
  std::string boot_id() const override { return boot_id_; }
  uint64_t revision() const override { return 0; }
  absl::Duration behind() const override { return absl::ZeroDuration(); }
  void AwaitRevision(uint64_t /*revision*/, std::function<void(absl::Status)> done) override {
    done(absl::OkStatus());
  }
  void AwaitLatest(std::function<void(absl::Status)> done) override { done(absl::OkStatus()); }
  uint64_t lapsed_count() const override { return lapsed_count_; }

  void BeginRegistration(Done<uint64_t> done) override { done(NextOrder()); }
  std::optional<ReachedPeer> FindRival(const PublicKey& key, const std::string& address) override;
  void Register(Registration registration, Done<Registered> done) override {
    done(RegisterNow(std::move(registration)));
  }
  void OpenStream(const std::string& token, const std::string& host, EndStream end_stream,
                  TellReached tell, Done<StreamStart> done) override {
    done(OpenStreamNow(token, host, std::move(end_stream), std::move(tell)));
  }
  void HoldLease(const std::string& token, uint64_t stream_id) override;
  void ReleaseLease(const std::string& token, uint64_t stream_id) override;
  void Apply(const std::string& token, uint64_t stream_id, Announcement announcement,
             Done<Applied> done) override {
    done(ApplyNow(token, stream_id, announcement));
  }
  void CloseStream(const std::string& token, uint64_t stream_id,
                   std::function<void()> done) override;
  void KeyOf(const std::string& token, Done<PublicKey> done) override { done(KeyOfNow(token)); }
  void UpdateOwner(const std::string& token, absl::Span<const OwnerChange> changes,
                   Done<Recorded> done) override {
    done(UpdateOwnerNow(token, changes));
  }
  void Unregister(const std::string& token, std::function<void(absl::Status)> done) override;
  void EndOf(const PublicKey& key, const absl::Status& why) override;
  std::optional<ReachedPeer> BeginReachCheck() override;
  void EndReachCheck(const ReachedPeer& checked, bool answered) override;
  absl::Duration Expire() override;

  // Returns the contents of the state file (numbers and sessions) if they have changed since the
  // last call.
  std::optional<std::string> TakeChangedIds();
  // The result of TakeChangedIds could not be written; its next call returns the contents again.
  void IdsNotSaved();

 private:
  uint64_t NextOrder();
  absl::StatusOr<Registered> RegisterNow(Registration registration);
  absl::StatusOr<StreamStart> OpenStreamNow(const std::string& token, const std::string& host,
                                            EndStream end_stream, TellReached tell);
  absl::StatusOr<Applied> ApplyNow(const std::string& token, uint64_t stream_id,
                                   const Announcement& announcement);
  absl::StatusOr<PublicKey> KeyOfNow(const std::string& token);
  absl::StatusOr<Recorded> UpdateOwnerNow(const std::string& token,
                                          absl::Span<const OwnerChange> changes);
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
  const std::string boot_id_;
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

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_LOCAL_SESSIONS_H_
