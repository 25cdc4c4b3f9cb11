// One book that a peer lists.
#ifndef ARKSHARE_LIB_CORE_BOOK_LISTING_H_
#define ARKSHARE_LIB_CORE_BOOK_LISTING_H_

#include <cstdint>

#include "lib/core/book_name.h"
#include "lib/core/content_id.h"

namespace arkshare {

// The contract is v1::Listing (types.proto).
struct BookListing {
  uint64_t number = 0;  // 1 or more; a peer never uses a number twice
  BookName name;
  ContentId content;
  bool partial = false;  // the peer is still receiving it

  bool operator==(const BookListing&) const = default;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_BOOK_LISTING_H_
