// The part of a book that each peer has sent.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_BROUGHT_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_BROUGHT_H_

#include <cstdint>
#include <map>

#include "lib/core/key.h"

namespace arkshare {

struct Brought {
  uint32_t peer_id = 0;      // its number when it sent the last of them
  uint64_t bytes = 0;        // verified
  bool relayed = false;      // some of them came through the relay
  bool called_back = false;  // some of them came on a connection for which it was called

  bool operator==(const Brought&) const = default;
};
using BroughtByPeer = std::map<PublicKey, Brought>;

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_BROUGHT_H_
