#include "lib/rpc/connection_counts.h"

#include <algorithm>

namespace arkshare {
namespace {

// A closed connection leaves with the next ones, and a full group costs a stranger more than us.
constexpr size_t kAskAlways = 2;
constexpr size_t kAskWhenFull = 64;

}  // namespace

bool ConnectionCounts::Add(const std::string& group, int fd, uint64_t inode, size_t most,
                           IsOpen is_open) {
  Forget(fd);
  Ask(group, CountOf(group) >= most ? kAskWhenFull : kAskAlways, is_open);
  if (CountOf(group) >= most) return false;
  connections_[fd] = {group, inode};
  groups_[group].fds.insert(fd);
  return true;
}

size_t ConnectionCounts::CountOf(const std::string& group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? 0 : found->second.fds.size();
}

void ConnectionCounts::Forget(int fd) {
  const auto connection = connections_.find(fd);
  if (connection == connections_.end()) return;
  const auto group = groups_.find(connection->second.group);
  group->second.fds.erase(fd);
  if (group->second.fds.empty()) groups_.erase(group);
  connections_.erase(connection);
}

void ConnectionCounts::Ask(const std::string& group, size_t times, IsOpen is_open) {
  for (times = std::min(times, CountOf(group)); times > 0; --times) {
    Group& here = groups_.at(group);
    auto next = here.fds.upper_bound(here.asked);
    if (next == here.fds.end()) next = here.fds.begin();
    const int fd = here.asked = *next;
    if (!is_open(fd, connections_.at(fd).inode)) Forget(fd);
    if (CountOf(group) == 0) return;
  }
}

}  // namespace arkshare
