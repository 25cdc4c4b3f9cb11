// The paths that are to be examined, and from when on.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_DUE_PATHS_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_DUE_PATHS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace arkshare {

// Pure: no lock, no clock, no waiting. FolderScanner guards it.
class DuePaths {
 public:
  // Makes a path due at `time`, in place of an earlier or later time.
  void Schedule(const std::string& path, absl::Time time) {
    const auto [known, added] = times_.try_emplace(path, time);
    if (!added) {
      order_.erase({known->second, path});
      known->second = time;
    }
    order_.insert({time, path});
  }

  // Returns the time at which the first path is due; InfiniteFuture when there is none.
  absl::Time Next() const {
    return order_.empty() ? absl::InfiniteFuture() : order_.begin()->first;
  }
  // Removes the paths that are due at `now`, the earliest ones and at most `most`, and returns them
  // in order of time.
  std::vector<std::string> Take(absl::Time now, size_t most) {
    std::vector<std::string> paths;
    while (paths.size() < most && Next() <= now) {
      paths.push_back(order_.begin()->second);
      times_.erase(order_.begin()->second);
      order_.erase(order_.begin());
    }
    return paths;
  }

 private:
  absl::flat_hash_map<std::string, absl::Time> times_;
  std::set<std::pair<absl::Time, std::string>> order_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_DUE_PATHS_H_
