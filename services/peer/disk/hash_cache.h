// The hashes of files, kept so that a restart or the rename of a folder does not hash again. May be
// thrown away.
#ifndef ARKSHARE_SERVICES_PEER_DISK_HASH_CACHE_H_
#define ARKSHARE_SERVICES_PEER_DISK_HASH_CACHE_H_

#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <atomic>
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
// peer. One mutex serialises the one database connection, so it is held during disk reads and
// writes. That is an exception to the rule that no lock is held across I/O: call with no other lock
// held.
class HashCache {
 public:
  // Removes a damaged cache and begins a new one; likewise a cache that was made elsewhere
  // (FolderTraits::place), and one whose identities have no ctime, because they do not show every
  // change. When no file can be kept, as on a full disk, the cache is in memory for this run.
  static absl::StatusOr<std::unique_ptr<HashCache>> Open(const SharedFolder& folder);

  std::optional<ContentId> FindContent(const FileIdentity& identity);
  // Returns the hashes of the pieces. They are not kept for a book of one piece, whose hash is the
  // root.
  std::optional<std::vector<Sha256Digest>> FindPieces(const ContentId& id);
  // Forgets what is known of a file, because its bytes were found to be others.
  void Forget(const FileIdentity& identity);
  void Remember(const FileIdentity& identity, const ContentId& id,
                absl::Span<const Sha256Digest> pieces);
  struct Entry {
    FileIdentity identity;
    ContentId id;
    std::vector<Sha256Digest> pieces;
  };
  // Remembers all of them in one transaction.
  void RememberAll(absl::Span<const Entry> entries);
  // Forgets files that are not among these, and their pieces, when at least half of what is known
  // is of such files.
  void Prune(absl::Span<const uint64_t> inodes);

 private:
  explicit HashCache(std::unique_ptr<SqlDatabase> db) : db_(std::move(db)) {}
  Mutex mutex_;
  std::unique_ptr<SqlDatabase> db_ ABSL_GUARDED_BY(mutex_);
};

struct HashedFile {
  ContentId id;
  std::vector<Sha256Digest> pieces;
};
// Hashes an open file with this identity. FailedPrecondition when the file changed meanwhile.
// Cancelled, within a few milliseconds, when `stop` turns true.
absl::StatusOr<HashedFile> HashFile(int fd, const FileIdentity& identity,
                                    const std::atomic<bool>* stop = nullptr);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_HASH_CACHE_H_
