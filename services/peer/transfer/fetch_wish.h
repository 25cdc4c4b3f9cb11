// A book that the owner of a peer asks for.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_FETCH_WISH_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_FETCH_WISH_H_

#include <cstdint>
#include <optional>

#include "lib/core/book_name.h"
#include "lib/core/content_id.h"

namespace arkshare {

// Has a name, a content or both. See FetchRequest in peer.proto.
struct FetchWish {
  std::optional<BookName> name{};
  std::optional<ContentId> content{};
  uint32_t from_peer_id = 0;  // 0: the best source
  std::optional<BookName> save_as{};
  bool copy_only = false;
  // The listing of from_peer_id to take. Needs name and content, and spares a search in the index.
  // 0: any listing.
  uint64_t listing = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_FETCH_WISH_H_
