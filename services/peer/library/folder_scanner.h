// Notices what people do in the shared folder, hashes it, and tells the library.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_FOLDER_SCANNER_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_FOLDER_SCANNER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/library.h"

namespace arkshare {

// Two threads: one listens to inotify(7) and keeps the list of paths to examine, with the time from
// which each may be; the other examines them, one after another, hashing what is new. A path
// becomes due at once after CLOSE_WRITE or a rename, after one second of quiet otherwise, and
// everything every 60 s. What cannot be looked at (no permission, no descriptors, a broken disk)
// stays as it was.
class FolderScanner {
 public:
  // All must outlive it.
  FolderScanner(const SharedFolder* folder, HashCache* cache, Library* library, const Clock* clock);
  ~FolderScanner();

  // Compares folder and library once, taking over what the cache knows; what must be hashed is left
  // for the threads. Then starts them.
  absl::Status Start();
  void Stop();

  // Examine this path soon. Thread-safe.
  void Request(const std::string& path);
  // Examines a path in this thread, hashing it when needed: what is whole and may be shared is
  // listed on return. Thread-safe.
  void Examine(const std::string& path);

 private:
  // kAtOnce is kHash that waits for a file just written to settle, instead of coming back to it.
  enum class Depth { kCacheOnly, kHash, kAtOnce };
  // One thread a path at a time; who comes second sees what the first has made of it.
  void ExamineNow(const std::string& path, Depth depth);
  void Look(const std::string& path, Depth depth);
  // For a path that may be there and cannot be looked at now.
  void Keep(const std::string& path, const absl::Status& why);
  void Rescan(Depth depth);
  void Schedule(const std::string& path, absl::Duration quiet);
  void ScheduleAt(const std::string& path, absl::Time time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WatchLoop();
  void ExamineLoop();
  void HandleEvents(const char* data, size_t size);
  void WatchFolder(const std::string& path);

  const SharedFolder* const folder_;
  HashCache* const cache_;
  Library* const library_;
  const Clock* const clock_;
  UniqueFd inotify_;
  UniqueFd stop_event_;

  Mutex mutex_;
  absl::flat_hash_map<int, std::string> watched_ ABSL_GUARDED_BY(mutex_);
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool rescan_ ABSL_GUARDED_BY(mutex_) = false;
  // Path -> when it may be examined; and the same in order of time.
  absl::flat_hash_map<std::string, absl::Time> due_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<absl::Time, std::string>> queue_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> examining_ ABSL_GUARDED_BY(mutex_);
  CondVar examined_;
  // Could not be looked at the last time.
  std::set<std::string> unseen_ ABSL_GUARDED_BY(mutex_);

  std::thread watch_thread_;
  std::thread examine_thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_FOLDER_SCANNER_H_
