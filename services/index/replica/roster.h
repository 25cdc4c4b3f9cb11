// The peers that are here, as the log that the replicas of an index share says.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_ROSTER_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_ROSTER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/replica/records.pb.h"
#include "lib/core/content_id.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "services/index/catalog/catalog.h"
#include "services/index/replica/shared_sessions.h"
#include "services/index/replica/steps.h"
#include "services/index/replica/stored_graves.h"
#include "services/index/replica/stored_numbers.h"
#include "services/index/replica/stored_pages.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// The fold: a pure function of the log, without clock, limit, option or randomness, so that all
// replicas come to the same result. It drives the catalog, and is the lock around the tables of
// what the log has. Thread-safe; only the log folds.
class Roster : public LogFold {
 public:
  // Hears of the sessions of this replica. Called by the log's thread without any lock, after the
  // revision was folded.
  class Listener {
   public:
    virtual ~Listener() = default;
    // The session has ended: kSessionUnknown, or kSessionSuperseded by a newer one of the key.
    virtual void Ended(const PublicKey& key, int64_t epoch, const absl::Status& why) = 0;
    // The claim of the session was written.
    virtual void Claimed(const PublicKey& key, int64_t epoch,
                         const replica::ClaimRecord& claim) = 0;
    // The log is lost; the roster still has what it had. A load follows.
    virtual void Lost() = 0;
  };

  // The place where the log is folded: it changes only how peers here are told of the others.
  struct Here {
    // Names this machine for loopback addresses; see SessionRecord.loopback_scope.
    std::string scope;
    // The port of the relay for those who ask this replica; 0: it has none.
    uint32_t relay_port = 0;
  };
  Roster(Catalog* catalog, Here here, Listener* listener)
      : catalog_(catalog), here_(std::move(here)), listener_(listener) {}

  void Load(int64_t revision, std::vector<LogEntry> entries) override;
  void Step(int64_t revision, std::vector<LogEvent> events) override;
  void Refounded() override;

  std::optional<SharedSession> Find(const PublicKey& key) const;
  // SESSION_UNKNOWN, or SESSION_SUPERSEDED when the key has registered again since.
  absl::StatusOr<SharedSession> FindToken(const Sha256Digest& token_hash) const;
  // Returns the number of the last statement of the session in sequence; 0 when it is not here.
  uint64_t Through(const PublicKey& key, int64_t epoch) const;
  // Returns the sessions whose claim is of a replica that is not alive.
  std::vector<SharedSession> Orphans() const;
  bool IsLive(const std::string& replica) const;
  std::vector<std::string> LiveReplicas() const;
  // Returns the name of the live replica that has the peer's stream, and what is told of it;
  // nullopt while none has.
  std::optional<std::pair<std::string, replica::ReplicaRecord>> ReplicaOf(
      const PublicKey& key) const;

  std::optional<NumberOwner> OwnerOf(uint32_t number) const;
  std::optional<uint32_t> NumberOf(const PublicKey& key) const;
  uint32_t NextUnused(uint32_t number) const;
  std::vector<std::pair<uint32_t, NumberOwner>> AllNumbers() const;

  std::vector<StoredGrave> AllGraves() const;
  std::vector<StoredGrave> GravesOf(const PublicKey& source) const;
  // Returns those from before the session of their peer, if it has stated its whole folder.
  std::vector<StoredGrave> OldGraves() const;
  // Returns up to `most` keys of pages that are of no session any more.
  std::vector<std::string> Garbage(size_t most) const;

  // For the merger: the peers whose pages, graves or claims have changed since the last call.
  std::vector<PublicKey> TakeTouched();
  StoredPages::Sum SumOfPages(const PublicKey& key, int64_t epoch) const;
  std::vector<StoredPage> PagesOf(const PublicKey& key, int64_t epoch) const;

 private:
  struct News {
    PublicKey key;
    int64_t epoch = 0;
    std::optional<absl::Status> ended;  // nullopt: claimed
    replica::ClaimRecord claim;
  };

  void Fold(int64_t revision, const LogKey& key, LogEvent event, bool live,
            std::vector<News>& news);
  void FoldSession(int64_t revision, const LogKey& key, const std::optional<std::string>& value,
                   std::vector<News>& news);
  void FoldClaim(int64_t revision, const LogKey& key, const std::optional<std::string>& value,
                 std::vector<News>& news);
  void FoldReplica(const LogKey& key, const std::optional<std::string>& value);
  void FoldNumber(int64_t revision, const LogKey& key, const std::optional<std::string>& value);
  void FoldPage(const LogKey& key, LogEvent event, bool live);
  void FoldGrave(int64_t revision, const LogKey& key, const LogEvent& event);
  void End(const SharedSessionPtr& session, const absl::Status& why, std::vector<News>& news);
  void Show(const SharedSession& session);
  void Tell(const std::vector<News>& news);
  // Removes what the load does not have.
  void Forget(const std::vector<LogEntry>& entries, std::vector<News>& news);
  SharedSessionPtr FindCurrent(const PublicKey& key) const ABSL_LOCKS_EXCLUDED(mutex_);
  PeerInfo InfoOf(const PublicKey& key, const replica::SessionRecord& record) const;

  Catalog* const catalog_;
  const Here here_;
  Listener* const listener_;
  mutable Mutex mutex_;
  SharedSessions sessions_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, replica::ReplicaRecord> replicas_ ABSL_GUARDED_BY(mutex_);
  StoredNumbers numbers_ ABSL_GUARDED_BY(mutex_);
  StoredGraves graves_ ABSL_GUARDED_BY(mutex_);
  StoredPages pages_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<PublicKey> touched_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_ROSTER_H_
