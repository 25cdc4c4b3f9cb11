// The files and folders that the owner keeps private.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_UNSHARED_PATHS_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_UNSHARED_PATHS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/peer/disk/ledger_records.h"

namespace arkshare {

// Files and folders, by path and by mark. A path stays private for what comes there next, because
// many editors save a file by renaming it away and writing another one. The marks of earlier files
// of a path count too. Pure: no lock, no I/O. Library guards it.
class UnsharedPaths {
 public:
  // The newest marks of a path that count.
  static constexpr size_t kMostMarks = 8;

  // Adds a path, or a mark to one that is known.
  void Put(const UnsharedRecord& record);
  void Erase(const std::string& path);

  // Returns whether this path was put, or a folder above it.
  bool Covers(const std::string& path) const;
  // Returns whether this path was put.
  bool Has(const std::string& path) const { return by_path_.contains(path); }
  // Returns whether this path was put with a mark of this inode.
  bool Has(const std::string& path, uint64_t inode) const;
  // Returns whether any mark has this inode.
  bool HasInode(uint64_t inode) const;
  bool HasMark(const FileMark& mark) const { return !WithMark(mark).empty(); }
  // Returns the paths that share a mark with one of these paths, and the paths.
  std::vector<std::string> Related(const std::vector<std::string>& paths) const;
  // Returns the paths that have this mark.
  std::vector<std::string> WithMark(const FileMark& mark) const;
  // Returns the paths beneath a folder; "" for all.
  std::vector<std::string> Beneath(const std::string& folder) const;

 private:
  struct Entry {
    bool folder = false;
    std::deque<FileMark> marks;  // the oldest first
  };

  std::map<std::string, Entry> by_path_;
  std::set<std::pair<FileMark, std::string>> by_mark_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_UNSHARED_PATHS_H_
