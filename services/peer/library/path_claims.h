// The paths and names that transfers are using.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_PATH_CLAIMS_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_PATH_CLAIMS_H_

#include <set>
#include <string>

#include "lib/core/book_name.h"

namespace arkshare {

// Pure: no lock, no waiting. Library guards it, and waits for claims to end.
//
// A claim belongs to one caller, which decides about the file at that path. A reserved name is that
// of a book that is still to come.
class PathClaims {
 public:
  // Returns false when the path is claimed already.
  bool Claim(const std::string& path) { return paths_.insert(path).second; }
  void Unclaim(const std::string& path) { paths_.erase(path); }
  bool Claimed(const std::string& path) const { return paths_.contains(path); }

  // Returns false when the name is reserved already.
  bool ReserveName(const BookName& name) { return names_.insert(name).second; }
  void UnreserveName(const BookName& name) { names_.erase(name); }

 private:
  std::set<std::string> paths_;
  std::set<BookName> names_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_PATH_CLAIMS_H_
