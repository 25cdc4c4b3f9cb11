// The changes of the folder's entries that one watcher still has to see.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_PATH_WATCH_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_PATH_WATCH_H_

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "lib/core/bell.h"

namespace arkshare {

// Keeps the paths of entries that have changed, not their values: the watcher reads the latest
// value when it takes a path. So a slow watcher costs a set of paths. A path that the snapshot has
// not reached yet is not kept. Pure, apart from the bell. Not thread-safe: Library guards it.
class PathWatch {
 public:
  // Rings `bell` when there is something to take and was nothing before. `bell` must outlive it.
  explicit PathWatch(Bell* bell) : bell_(bell) {}

  // The snapshot is in order of path, and was read up to this path.
  void ReadTo(const std::string& path) { read_to_ = path; }
  void EndSnapshot() { snapshot_ended_ = true; }
  const std::string& read_to() const { return read_to_; }
  bool snapshot_ended() const { return snapshot_ended_; }

  // The entry of a path has appeared, changed or gone.
  void Touch(const std::string& path);
  // Removes the first paths, at most `most`, and returns them in order.
  std::vector<std::string> Take(size_t most);
  bool empty() const { return touched_.empty(); }

 private:
  Bell* const bell_;
  std::string read_to_;
  bool snapshot_ended_ = false;
  std::set<std::string> touched_;
};

// The watches of all watchers. Pure. Not thread-safe: Library guards it.
class PathWatches {
 public:
  // `watch` must be removed before it ends.
  void Add(PathWatch* watch) { watches_.push_back(watch); }
  void Remove(PathWatch* watch) { std::erase(watches_, watch); }
  void Touch(const std::string& path) {
    for (PathWatch* const watch : watches_) watch->Touch(path);
  }

 private:
  std::vector<PathWatch*> watches_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_PATH_WATCH_H_
