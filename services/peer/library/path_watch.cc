#include "services/peer/library/path_watch.h"

#include <utility>

namespace arkshare {

void PathWatch::Touch(const std::string& path) {
  if (!snapshot_ended_ && path > read_to_) return;
  const bool first = touched_.empty();
  touched_.insert(path);
  if (first) bell_->Ring();
}

std::vector<std::string> PathWatch::Take(size_t most) {
  std::vector<std::string> taken;
  while (taken.size() < most && !touched_.empty()) {
    taken.push_back(std::move(touched_.extract(touched_.begin()).value()));
  }
  return taken;
}

}  // namespace arkshare
