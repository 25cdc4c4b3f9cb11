// Watches the shared folder, hashes new files, and tells the library what is there.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_FOLDER_SCANNER_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_FOLDER_SCANNER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/due_paths.h"
#include "services/peer/library/file_examiner.h"
#include "services/peer/library/folder_watcher.h"
#include "services/peer/library/hash_lanes.h"
#include "services/peer/library/hash_pauses.h"
#include "services/peer/library/lend_reasons.h"
#include "services/peer/library/library.h"

namespace arkshare {

// Has two threads, and those of HashLanes. One reads events and walks folders: a new one by itself,
// and all of them every 60 s. The other examines the paths that are due, and what was hashed, many
// together: the ledger is written for all of them at once. It never hashes. A path is due at once
// after it was closed or renamed, and after one second of quiet otherwise.
class FolderScanner {
 public:
  // All must outlive it.
  FolderScanner(const SharedFolder* folder, HashCache* cache, Library* library, const Clock* clock);
  ~FolderScanner();

  // Compares the folder with the library once and lists the files that the cache knows. Then starts
  // the threads, which hash the others.
  absl::Status Start();
  // Ends within a second, also in the middle of a file. Examine does nothing from then on.
  void Stop();

  // Schedules a path to be examined at once. Thread-safe.
  void Request(const std::string& path);
  // Examine paths in the caller's thread, and hash files when needed: whole files that may be
  // shared are listed on return. Thread-safe.
  void Examine(const std::string& path) { ExamineAll({path}); }
  void ExamineAll(std::vector<std::string> paths);

  // Returns why the folder is not shared as it is, for people; "" when it is. Thread-safe.
  std::string Trouble() const;

 private:
  // Paths and hashes that the examining thread takes together.
  struct Work {
    std::vector<std::string> paths;
    std::vector<HashLanes::Done> hashed;
  };
  struct Job {
    std::string path;
    const absl::StatusOr<FileHash>* hashed = nullptr;  // what came of hashing it, if it was
  };

  void WatchLoop();
  // Schedules what changed. Returns the folders to be walked, outermost ones only.
  std::vector<std::string> TakeEvents(absl::Span<const FolderEvent> events);
  // Compares a folder with the library: examines what differs at once, or schedules it.
  void Walk(const std::string& top, bool at_once);
  void ScheduleBeneath(const std::string& folder);
  void Schedule(const std::string& path, absl::Duration quiet);
  void ScheduleAll(absl::Span<const std::string> paths, absl::Duration quiet);

  void ExamineLoop();
  // Waits for work. Returns nullopt when the scanner stops.
  std::optional<Work> AwaitWork();
  void Process(const Work& work, LendReasons::Depth lending);
  // Looks at paths that the caller has begun, and applies what it finds.
  void ExamineBatch(absl::Span<const Job> jobs, LendReasons::Depth lending);
  // Looks at a path, and hashes its file in this thread when needed.
  std::optional<Finding> ExamineNow(const std::string& path);
  void Hash(const std::string& path, uint64_t size);
  void Apply(std::vector<Finding> findings);

  // One thread at a time examines a path. A path that TryBegin refuses is examined again when the
  // other thread has ended. Begin waits; returns false when the scanner stops.
  bool TryBegin(const std::string& path);
  bool Begin(const std::string& path);
  void End(absl::Span<const Job> jobs);

  // Returns whether the folder is in its place, and logs when that changes.
  bool CheckInPlace();

  const SharedFolder* const folder_;
  HashCache* const cache_;
  Library* const library_;
  const Clock* const clock_;
  FolderWatcher watcher_;
  FileExaminer examiner_;
  HashLanes lanes_;
  std::atomic<bool> stop_{false};

  mutable Mutex mutex_;
  CondVar changed_;
  CondVar stopped_;
  CondVar examined_;
  DuePaths due_ ABSL_GUARDED_BY(mutex_);
  HashPauses pauses_ ABSL_GUARDED_BY(mutex_);
  // Paths that a thread is examining, and whether to examine them again.
  absl::flat_hash_map<std::string, bool> examining_ ABSL_GUARDED_BY(mutex_);
  bool rescan_ ABSL_GUARDED_BY(mutex_) = false;
  bool in_place_ ABSL_GUARDED_BY(mutex_) = true;
  absl::Time last_commit_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();

  std::thread watch_thread_;
  std::thread examine_thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_FOLDER_SCANNER_H_
