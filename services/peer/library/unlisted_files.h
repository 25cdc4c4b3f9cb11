// The files in the folder that have no listing.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_UNLISTED_FILES_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_UNLISTED_FILES_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "services/peer/library/path_watch.h"

namespace arkshare {

// Pure: no lock, no I/O. Library guards it.
class UnlistedFiles {
 public:
  struct Entry {
    uint64_t size = 0;   // bytes
    std::string reason;  // why it is not shared, for people; empty: still to be hashed

    bool operator==(const Entry&) const = default;
  };

  // Tells `watches` of each entry that appears, changes or goes. It must outlive the table;
  // nullptr: tells nothing.
  explicit UnlistedFiles(PathWatches* watches = nullptr) : watches_(watches) {}

  // Adds or replaces the entry of a path.
  void Put(const std::string& path, Entry entry) {
    const Entry* const known = Find(path);
    if (known != nullptr && *known == entry) return;
    Erase(path);
    if (entry.reason.empty()) ++pending_;
    by_path_.emplace(path, std::move(entry));
    if (watches_ != nullptr) watches_->Touch(path);
  }
  // Removes the entry of a path, if there is one.
  void Erase(const std::string& path) {
    const auto it = by_path_.find(path);
    if (it == by_path_.end()) return;
    if (it->second.reason.empty()) --pending_;
    by_path_.erase(it);
    if (watches_ != nullptr) watches_->Touch(path);
  }

  // Returns nullptr when there is none. An entry is valid until the next Put or Erase.
  const Entry* Find(const std::string& path) const {
    const auto it = by_path_.find(path);
    return it == by_path_.end() ? nullptr : &it->second;
  }
  const std::map<std::string, Entry>& by_path() const { return by_path_; }
  // The number of files that are still to be hashed.
  uint64_t pending() const { return pending_; }

 private:
  PathWatches* const watches_;
  std::map<std::string, Entry> by_path_;
  uint64_t pending_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_UNLISTED_FILES_H_
