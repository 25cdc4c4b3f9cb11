// In which order a move must reach the disks of its two peers, checked against a record of what
// they did.
#ifndef ARKSHARE_TESTS_CHAOS_MOVE_ORDER_H_
#define ARKSHARE_TESTS_CHAOS_MOVE_ORDER_H_

#include <map>
#include <string>
#include <vector>

#include "tests/support/file_ops.h"

namespace arkshare {

struct MoveOrder {
  // Name of a step -> its place in the record.
  std::map<std::string, size_t> at;
  // The first step that is missing in its place; empty when all is in order.
  std::string missing;
};

// `ops` holds what both peers did, in one order, during one move of a book in the folders
// themselves (not in a subfolder). The folders are absolute, as the peers see them.
MoveOrder CheckMoveOrder(const std::vector<FileOp>& ops, const std::string& source,
                         const std::string& receiver, const std::string& name);

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_CHAOS_MOVE_ORDER_H_
