// Compares one path of the shared folder with the library.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_FILE_EXAMINER_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_FILE_EXAMINER_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/finding.h"
#include "services/peer/library/hash_lanes.h"
#include "services/peer/library/lend_reasons.h"
#include "services/peer/library/library.h"

namespace arkshare {

// Decides what a path is, and hashes nothing. The listing of a file that cannot be read (no
// permission, no descriptors, a broken disk) stays as it is: a listing that is ended is gone for
// good, so a pending move would be refused, and the file would be listed again once it can be read,
// so that the book would exist twice. Thread-safe.
class FileExaminer {
 public:
  // All must outlive it.
  FileExaminer(const SharedFolder* folder, HashCache* cache, Library* library, const Clock* clock);

  struct Result {
    std::optional<Finding> finding{};  // for Library::Apply
    bool hash = false;                 // the file is to be hashed, then looked at again
    uint64_t size = 0;                 // bytes, of a file to be hashed
    // The file was written so recently that another change may leave it with the same identity:
    // look again after this.
    std::optional<absl::Duration> again{};
  };
  // `hashed` is what came of hashing the file just now; nullptr when it was not hashed. `lending`
  // says how far to look for a reason not to let the book be taken.
  Result Look(const std::string& path, const absl::StatusOr<FileHash>* hashed,
              LendReasons::Depth lending);
  // Confirms the files that are listed just as a walk has seen them, and tells the library why they
  // can only be lent. Returns the paths of the others, which are to be looked at.
  std::vector<std::string> Confirm(absl::Span<const Library::SeenFile> files);

 private:
  // Tells the library why the unchanged book at a path can only be lent; `known` is what it knows.
  void NoteLending(const std::string& path, const std::string& known, LendReasons::Depth depth);
  Result LookAtFile(const std::string& path, const FileStat& stat,
                    const absl::StatusOr<FileHash>* hashed, LendReasons::Depth lending);
  // For a path that may have a file, but cannot be looked at now.
  void KeepUnreadable(const std::string& path, const absl::Status& why);
  // Logs once for each folder, which may hold a million books.
  void LogUnreadable(const std::string& path, const absl::Status& why);

  const SharedFolder* const folder_;
  HashCache* const cache_;
  Library* const library_;
  const Clock* const clock_;
  LendReasons lend_reasons_;

  Mutex mutex_;
  // Paths that could not be read the last time.
  std::set<std::string> unreadable_ ABSL_GUARDED_BY(mutex_);
};

// Returns why a folder is not shared that cannot be read, for people.
std::string UnreadableFolder(const std::string& path, const absl::Status& why);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_FILE_EXAMINER_H_
