// The order in which an owner looks at the files of the folder.
#ifndef ARKSHARE_SERVICES_PEER_OWNER_LIBRARY_ORDER_H_
#define ARKSHARE_SERVICES_PEER_OWNER_LIBRARY_ORDER_H_

#include <absl/strings/string_view.h>

#include <cstddef>
#include <string>
#include <vector>

#include "arkshare/v1/peer.pb.h"
#include "services/peer/library/book.h"

namespace arkshare {

// Collects the keys of files that have all words, and returns a page of them in an order. Pure. Not
// thread-safe.
class LibraryOrder {
 public:
  // `words` are those of QueryWords; none: all files. `order` and `reverse` are as in
  // ListLibraryRequest.
  LibraryOrder(std::vector<std::string> words, v1::LibraryOrder order, bool reverse)
      : words_(std::move(words)), order_(order), reverse_(reverse) {}

  // Adds a key if its name has all words.
  void Add(LibraryKey key);
  size_t size() const { return keys_.size(); }
  // Returns the paths of at most `most` files after the first `skip` ones. Call once, after all
  // were added.
  std::vector<std::string> Page(size_t skip, size_t most);

 private:
  bool Matches(absl::string_view path) const;
  bool Before(const LibraryKey& a, const LibraryKey& b) const;

  const std::vector<std::string> words_;
  const v1::LibraryOrder order_;
  const bool reverse_;
  std::vector<LibraryKey> keys_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_OWNER_LIBRARY_ORDER_H_
