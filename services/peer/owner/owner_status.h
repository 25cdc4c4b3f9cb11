// The state of this peer in one message, for its owner.
#ifndef ARKSHARE_SERVICES_PEER_OWNER_OWNER_STATUS_H_
#define ARKSHARE_SERVICES_PEER_OWNER_OWNER_STATUS_H_

#include <absl/time/time.h>

#include <string>

#include "arkshare/v1/peer.pb.h"
#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/core/rate_limiter.h"
#include "services/peer/calls/call_answerer.h"
#include "services/peer/disk/ledger_releases.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/group/membership.h"
#include "services/peer/library/folder_scanner.h"
#include "services/peer/library/library.h"
#include "services/peer/library/sharing.h"
#include "services/peer/reach/port_mapper.h"
#include "services/peer/serve/upload_queue.h"
#include "services/peer/session/announcer.h"
#include "services/peer/session/index_client.h"

namespace arkshare {

// Thread-safe.
class OwnerStatus {
 public:
  struct Parts {  // all must outlive it
    const SharedFolder* folder;
    LedgerReleases* releases;
    Library* library;
    FolderScanner* scanner;
    Sharing* sharing;
    Announcer* announcer;
    IndexClient* index;
    UploadQueue* queue;
    RateLimiter* download_limiter;
    const Clock* clock;
    const Membership* membership = nullptr;  // nullptr: this peer is in no group
    const CallAnswerer* calls = nullptr;     // nullptr: this peer does not use the relay
    const PortMapper* mapper = nullptr;      // nullptr: no router is asked
  };

  // `key` is this peer's, `listen_address` that of FileService. This process began just now.
  OwnerStatus(Parts parts, PublicKey key, std::string listen_address);

  // Describes the state of this moment; see GetStatusResponse.
  v1::GetStatusResponse Describe() const;

 private:
  // Adds how other peers reach this one.
  void AddReach(const Announcer::State& state, v1::GetStatusResponse& status) const;

  const Parts parts_;
  const PublicKey key_;
  const std::string listen_address_;
  const absl::Time start_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_OWNER_OWNER_STATUS_H_
