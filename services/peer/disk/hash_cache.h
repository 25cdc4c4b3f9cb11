// What was hashed already, so that a restart or a rename does not hash again. May be thrown away.
#ifndef ARKSHARE_SERVICES_PEER_DISK_HASH_CACHE_H_
#define ARKSHARE_SERVICES_PEER_DISK_HASH_CACHE_H_

#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/content_id.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/disk/sqlite.h"

namespace arkshare {

// Thread-safe. Failures to read or write count as "not known" and are logged: a cache never stops a
// peer.
class HashCache {
 public:
  // A damaged cache is removed and made anew; where none can be kept (a full disk), this run
  // remembers in memory.
  static absl::StatusOr<std::unique_ptr<HashCache>> Open(const SharedFolder& folder);

  std::optional<ContentId> FindContent(const FileIdentity& identity);
  // The piece hashes; not kept for books of one piece, whose only one is the root.
  std::optional<std::vector<Sha256Digest>> FindPieces(const ContentId& id);
  void Remember(const FileIdentity& identity, const ContentId& id,
                absl::Span<const Sha256Digest> pieces);
  // Many in one transaction.
  struct Entry {
    FileIdentity identity;
    ContentId id;
    std::vector<Sha256Digest> pieces;
  };
  void RememberAll(absl::Span<const Entry> entries);

 private:
  explicit HashCache(std::unique_ptr<SqlDatabase> db) : db_(std::move(db)) {}
  Mutex mutex_;
  std::unique_ptr<SqlDatabase> db_ ABSL_GUARDED_BY(mutex_);
};

// Hashes an open file of `stat.identity`. FailedPrecondition when it changed meanwhile.
struct HashedFile {
  ContentId id;
  std::vector<Sha256Digest> pieces;
};
absl::StatusOr<HashedFile> HashFile(int fd, const FileIdentity& identity);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_HASH_CACHE_H_
