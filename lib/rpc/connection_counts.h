// Counts the open connections of each network.
#ifndef ARKSHARE_LIB_RPC_CONNECTION_COUNTS_H_
#define ARKSHARE_LIB_RPC_CONNECTION_COUNTS_H_

#include <absl/functional/function_ref.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace arkshare {

// Learns of connections when they are accepted, and asks later whether they are still open: their
// owner, gRPC, tells no one when it closes them. A connection is its file descriptor together with
// the inode of its socket, because descriptors are used again. Has an entry for each descriptor at
// most. Not thread-safe.
class ConnectionCounts {
 public:
  using IsOpen = absl::FunctionRef<bool(int fd, uint64_t inode)>;

  // Counts a connection that was accepted just now; false, and not counted, when `group` has `most`
  // already. Asks about a few connections of the group, so a closed one that counts for the moment
  // is noticed when another one comes, or the one after.
  bool Add(const std::string& group, int fd, uint64_t inode, size_t most, IsOpen is_open);

  size_t CountOf(const std::string& group) const;

 private:
  struct Connection {
    std::string group;
    uint64_t inode = 0;
  };
  struct Group {
    std::set<int> fds;
    int asked = -1;  // the last one that was asked about
  };

  void Forget(int fd);
  void Ask(const std::string& group, size_t times, IsOpen is_open);

  std::map<int, Connection> connections_;  // by descriptor
  std::map<std::string, Group> groups_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CONNECTION_COUNTS_H_
