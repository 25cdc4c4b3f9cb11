// The threads that hash files.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_HASH_LANES_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_HASH_LANES_H_

#include <absl/status/statusor.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/hash_queue.h"

namespace arkshare {

// Opens a file of the shared folder and hashes it. Errors: those of SharedFolder::OpenFile and
// HashFile; FailedPrecondition also for a file that was written so recently that
// another change may leave it with the same identity; Cancelled soon after `stop` turns true.
struct FileHash {
  FileStat stat;  // of the file that was hashed
  HashedFile hashed;
};
absl::StatusOr<FileHash> HashPath(const SharedFolder& folder, const std::string& path,
                                  const Clock& clock, const std::atomic<bool>& stop);

// Hashes files in the order of HashQueue, in at least two threads. Thread-safe.
class HashLanes {
 public:
  struct Done {
    std::string path;
    absl::StatusOr<FileHash> file;
  };

  // Calls `on_done` without locks, from a lane, after each file. `folder` and `clock` must
  // outlive it.
  HashLanes(const SharedFolder* folder, const Clock* clock, std::function<void()> on_done);
  ~HashLanes();

  void Start();
  // Ends the threads, also in the middle of a file, and forgets what waits.
  void Stop();

  void Add(const std::string& path, uint64_t size);
  // Returns the files that were hashed since the last call, at most `most`.
  std::vector<Done> TakeDone(size_t most);
  // Returns how many files were hashed and not yet taken.
  size_t done() const;

 private:
  void Run(HashQueue::Lane lane);

  const SharedFolder* const folder_;
  const Clock* const clock_;
  const std::function<void()> on_done_;
  std::atomic<bool> stop_{false};

  mutable Mutex mutex_;
  CondVar changed_;
  HashQueue queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<Done> done_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_HASH_LANES_H_
