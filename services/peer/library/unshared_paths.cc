#include "services/peer/library/unshared_paths.h"

#include <absl/strings/match.h>

#include <algorithm>
#include <limits>

namespace arkshare {

void UnsharedPaths::Put(const UnsharedRecord& record) {
  Entry& entry = by_path_[record.path];
  entry.folder = record.folder;
  if (record.mark == FileMark()) return;
  const auto known = std::find(entry.marks.begin(), entry.marks.end(), record.mark);
  if (known != entry.marks.end()) entry.marks.erase(known);
  entry.marks.push_back(record.mark);
  by_mark_.insert({record.mark, record.path});
  if (entry.marks.size() > kMostMarks) {
    by_mark_.erase({entry.marks.front(), record.path});
    entry.marks.pop_front();
  }
}

void UnsharedPaths::Erase(const std::string& path) {
  const auto known = by_path_.find(path);
  if (known == by_path_.end()) return;
  for (const FileMark& mark : known->second.marks) by_mark_.erase({mark, path});
  by_path_.erase(known);
}

bool UnsharedPaths::Covers(const std::string& path) const {
  if (by_path_.empty()) return false;
  if (by_path_.contains(path)) return true;
  for (size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const auto above = by_path_.find(path.substr(0, slash));
    if (above != by_path_.end() && above->second.folder) return true;
  }
  return false;
}

bool UnsharedPaths::Has(const std::string& path, uint64_t inode) const {
  const auto known = by_path_.find(path);
  return known != by_path_.end() &&
         std::any_of(known->second.marks.begin(), known->second.marks.end(),
                     [inode](const FileMark& mark) { return mark.inode == inode; });
}

bool UnsharedPaths::HasInode(uint64_t inode) const {
  const FileMark first{inode, std::numeric_limits<int64_t>::min()};
  const auto found = by_mark_.lower_bound({first, ""});
  return found != by_mark_.end() && found->first.inode == inode;
}

std::vector<std::string> UnsharedPaths::Related(const std::vector<std::string>& paths) const {
  std::set<std::string> related(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    const auto known = by_path_.find(path);
    if (known == by_path_.end()) continue;
    for (const FileMark& mark : known->second.marks) {
      for (std::string& other : WithMark(mark)) related.insert(std::move(other));
    }
  }
  return {related.begin(), related.end()};
}

std::vector<std::string> UnsharedPaths::WithMark(const FileMark& mark) const {
  std::vector<std::string> paths;
  for (auto it = by_mark_.lower_bound({mark, ""}); it != by_mark_.end() && it->first == mark;
       ++it) {
    paths.push_back(it->second);
  }
  return paths;
}

std::vector<std::string> UnsharedPaths::Beneath(const std::string& folder) const {
  const std::string prefix = folder.empty() ? "" : folder + "/";
  std::vector<std::string> paths;
  for (auto it = by_path_.lower_bound(prefix);
       it != by_path_.end() && absl::StartsWith(it->first, prefix); ++it) {
    paths.push_back(it->first);
  }
  return paths;
}

}  // namespace arkshare
