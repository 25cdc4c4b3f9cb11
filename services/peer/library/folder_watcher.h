// Notices what happens in the shared folder, by inotify(7).
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_FOLDER_WATCHER_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_FOLDER_WATCHER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/core/mutex.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/disk/unique_fd.h"

namespace arkshare {

struct FolderEvent {
  enum class Kind {
    kFileSettled,     // written and closed, renamed or deleted
    kFileTouched,     // may be written to further
    kFolderAppeared,  // or its permissions changed
    kFolderVanished,
    kMissed,  // the kernel dropped events: look at everything
    kRoot,    // the shared folder itself was deleted, renamed or unmounted
  };
  Kind kind;
  std::string path;  // relative to the shared folder; "" for the last two
};

// Thread-safe, but one thread calls Wait and Read. Without inotify it reports nothing.
class FolderWatcher {
 public:
  // `folder` must outlive it.
  explicit FolderWatcher(const SharedFolder* folder) : folder_(folder) {}

  // Opens inotify. When that fails, says so in Trouble.
  void Open();
  // Watches a folder; "" is the shared folder itself. A folder that is watched already gets its
  // path of now. When no more folders can be watched, says so in the log once, and in Trouble.
  void Watch(const std::string& path);
  // Forgets the folders at this path and beneath it.
  void Forget(const std::string& path);

  // Waits until there are events, Wake is called, or `longest` has passed.
  void Wait(absl::Duration longest);
  std::vector<FolderEvent> Read();
  // Makes Wait return, now and from now on.
  void Wake();

  // Returns why some changes are noticed late, for people; "" when all folders are watched.
  std::string Trouble() const;

 private:
  void Add(const char* event_bytes, std::vector<FolderEvent>& events)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteUnwatched(const std::string& path, int error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SharedFolder* const folder_;
  UniqueFd inotify_;
  UniqueFd wake_event_;

  mutable Mutex mutex_;
  absl::flat_hash_map<int, std::string> paths_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> numbers_ ABSL_GUARDED_BY(mutex_);
  // Folders that could not be watched, because of a limit of the system.
  std::map<std::string, int> unwatched_ ABSL_GUARDED_BY(mutex_);
  std::string trouble_ ABSL_GUARDED_BY(mutex_);  // of inotify as a whole
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_FOLDER_WATCHER_H_
