// How busy this peer's uploads are.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_UPLOAD_LOAD_H_
#define ARKSHARE_SERVICES_PEER_SESSION_UPLOAD_LOAD_H_

#include <cstdint>

namespace arkshare {

// This peer's upload capacity, as the index tells other peers.
struct UploadLoad {
  int slots = 0;       // uploads at a time
  int free_slots = 0;  // slots without an upload
  uint64_t limit = 0;  // bytes a second; 0: no limit
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_UPLOAD_LOAD_H_
