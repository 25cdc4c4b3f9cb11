// One stream of PeerService.WatchOwn: all that the owner sees of this peer, and what changes in it.
#ifndef ARKSHARE_SERVICES_PEER_OWNER_OWN_WATCH_H_
#define ARKSHARE_SERVICES_PEER_OWNER_OWN_WATCH_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "arkshare/v1/peer.pb.h"
#include "lib/core/bell.h"
#include "lib/core/clock.h"
#include "services/peer/disk/ledger_releases.h"
#include "services/peer/library/library.h"
#include "services/peer/owner/library_entries.h"
#include "services/peer/owner/owner_status.h"
#include "services/peer/owner/sent_values.h"
#include "services/peer/owner/watch_pace.h"
#include "services/peer/serve/handover.h"
#include "services/peer/serve/upload_queue.h"
#include "services/peer/transfer/transfers.h"
#include "services/peer/wishes/wishes.h"

namespace arkshare {

// Looks at the parts of the peer when the bell rings, and keeps only keys and hashes of what it has
// sent. Transfers and the library tell what has changed in them, so a look costs nothing for the
// rest of them. Not thread-safe: one thread runs it.
class OwnWatch {
 public:
  struct Parts {  // all must outlive it
    const OwnerStatus* status;
    const Transfers* transfers;
    const UploadQueue* queue;
    Library* library;
    const LibraryEntries* entries;
    LedgerReleases* releases;
    Handover* handover;
    const Wishes* wishes;
    Bell* bell;
    const Clock* clock;
  };

  OwnWatch(const Parts& parts, const v1::WatchOwnRequest& request);

  // Sends the snapshot with `boot_id`, and then changes, until `write` returns false, `gone`
  // returns true, or the bell is closed (kShuttingDown).
  using Write = absl::FunctionRef<bool(const v1::WatchOwnResponse& message)>;
  absl::Status Run(const std::string& boot_id, Write write, absl::FunctionRef<bool()> gone);

 private:
  // The result of a look.
  struct Look {
    v1::WatchOwnResponse message;
    bool found = false;   // there is something in the message
    bool more = false;    // there is more to look at, at once
    bool moving = false;  // bytes go out
  };
  Look LookAtAll();
  void AddStatus(Look& look);
  void AddTransfers(Look& look);
  void AddUploads(Look& look);
  void AddLibrary(Look& look);
  void AddLimbo(Look& look);
  void AddWishes(Look& look);
  // Waits until it is time to look again. False when the reader has gone.
  bool AwaitLook(const WatchPace& pace, absl::FunctionRef<bool()> gone);

  const Parts parts_;
  const v1::WatchOwnRequest request_;
  Bell::Rings heard_;
  std::unique_ptr<LibraryWatch> library_;  // nullptr: not watched
  uint64_t transfers_mark_ = 0;            // of TransferBoard::ChangesSince
  std::optional<uint64_t> limbo_seen_;     // LedgerReleases::changes() at the last look
  std::optional<uint64_t> wishes_seen_;    // Wishes::changes() at the last look
  SentValues<int> sent_status_;            // one value
  SentValues<std::string> sent_transfers_;
  SentValues<uint64_t> sent_uploads_;
  SentValues<std::string> sent_limbo_;
  SentValues<uint64_t> sent_wishes_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_OWNER_OWN_WATCH_H_
