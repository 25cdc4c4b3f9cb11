// Watches the shared folder, hashes new files, and tells the library what is there.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_FOLDER_SCANNER_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_FOLDER_SCANNER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "lib/core/clock.h"
#include "lib/core/content_id.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/lend_reasons.h"
#include "services/peer/library/library.h"

namespace arkshare {

// Has two threads. One reads inotify(7) and schedules paths; the other examines the paths that are
// due, one after another, and hashes new files. A path is due at once after CLOSE_WRITE or a
// rename, and after one second of quiet otherwise; all paths are due every 60 s. The listing of a
// file that cannot be read (no permission, no descriptors, a broken disk) stays as it is.
class FolderScanner {
 public:
  // All must outlive it.
  FolderScanner(const SharedFolder* folder, HashCache* cache, Library* library, const Clock* clock);
  ~FolderScanner();

  // Compares the folder with the library once and lists the files that the cache knows. Then starts
  // the threads, which hash the others.
  absl::Status Start();
  void Stop();

  // Schedules a path to be examined at once. Thread-safe.
  void Request(const std::string& path);
  // Examines a path in the caller's thread, and hashes the file when needed: a whole file that may
  // be shared is listed on return. Thread-safe.
  void Examine(const std::string& path);

 private:
  // kAtOnce is like kHash, but waits for a file that was just written instead of scheduling it.
  enum class Depth { kCacheOnly, kHash, kAtOnce };
  // Examines a path, and waits while another thread examines it.
  void ExamineNow(const std::string& path, Depth depth);
  // Compares one path with the library and tells the library of the difference.
  void Look(const std::string& path, Depth depth);
  struct Hashed {
    ContentId content;
    FileStat stat;  // of the file that was hashed
  };
  // Hashes a file and remembers the result. Returns nullopt when the path is scheduled for later,
  // or noted as unshared.
  std::optional<Hashed> Hash(const std::string& path, const FileStat& stat, Depth depth);
  void List(ListingRecord record, bool lend_only);
  // Tells the library why a listed book can only be lent.
  void NoteLending(const Book& book, LendReasons::Depth depth);
  // Ends the listing of a file that is there and cannot be shared.
  void Unshare(const std::string& path, uint64_t size, const std::string& reason);
  // Keeps the listing of a path that may have a file and cannot be read now.
  void KeepUnreadable(const std::string& path, const absl::Status& why);
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
  LendReasons lend_reasons_;
  UniqueFd inotify_;
  UniqueFd stop_event_;

  Mutex mutex_;
  absl::flat_hash_map<int, std::string> watched_ ABSL_GUARDED_BY(mutex_);
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool rescan_ ABSL_GUARDED_BY(mutex_) = false;
  // The time from which each path may be examined, by path and in order of time.
  absl::flat_hash_map<std::string, absl::Time> due_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<absl::Time, std::string>> queue_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> examining_ ABSL_GUARDED_BY(mutex_);
  CondVar examined_;
  // Paths that could not be read the last time.
  std::set<std::string> unreadable_ ABSL_GUARDED_BY(mutex_);

  std::thread watch_thread_;
  std::thread examine_thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_FOLDER_SCANNER_H_
