// The source's half of a move: gives listings away, exactly once, whatever crashes in between.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_HANDOVER_H_
#define ARKSHARE_SERVICES_PEER_SERVE_HANDOVER_H_

#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <optional>
#include <string>
#include <vector>

#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/library.h"

namespace arkshare {

// The order of one release, and why:
//   1. rename the file to released/<transfer>-<listing>   nobody can swap another file in any more
//   2. compare inode, size, mtime and links there         what is given away is what was listed
//   3. fsync both folders                                 the hidden copy survives a power cut
//   4. record RELEASED with the ticket                    THE COMMIT POINT
//   5. answer
// Before 4 a restart puts the file back; after 4 only a Confirm, or the owner, ends the hidden
// copy. Thread-safe.
class Handover {
 public:
  // All must outlive it.
  Handover(const SharedFolder* folder, Ledger* ledger, Library* library, PrivateKey key)
      : folder_(folder), ledger_(ledger), library_(library), key_(std::move(key)) {}

  // Ends what a crash interrupted. Call once, after the ledger is open, before the folder is
  // scanned.
  absl::Status Recover();

  // A ticket, or the refusal, for each item: the same one for ever for the same transfer. Refusals
  // that are final are durable; kBookUnsettled, kDiskFull and kInternal are not final. No transfer
  // and no listing may stand twice among the items.
  std::vector<absl::StatusOr<MoveTicket>> Release(const PublicKey& receiver,
                                                  absl::Span<const ReleaseItem> items);
  // The receiver owns these: forget the hidden copies. For each item: kTransferUnknown, or
  // kDiskFull and kInternal, which are not final.
  std::vector<absl::Status> Confirm(const PublicKey& receiver,
                                    absl::Span<const TransferId> transfers);

  // Given away and not confirmed.
  absl::StatusOr<std::vector<ReleaseRecord>> Limbo() { return ledger_->HiddenReleases(); }
  // The name that a listing has or had; empty when it is unknown.
  std::string NameOf(uint64_t listing);
  // Takes a hidden copy back as a new book; returns the path it has now, to be examined.
  // Errors: kTransferUnknown; kFileNotFound when the hidden copy itself is gone.
  absl::StatusOr<std::string> Restore(const TransferId& id);

 private:
  struct Attempt;
  absl::StatusOr<MoveTicket> Answer(const ReleaseRecord& record, const PublicKey& receiver,
                                    const ReleaseItem& item) const;
  absl::Status Hide(const Book& book, const ReleaseItem& item);
  absl::StatusOr<std::string> PutBack(const SharedFolder::HiddenFile& hidden,
                                      const std::string& path);
  // A program that had the file open may have written into it after the rename: what it wrote is
  // not what was given away, so it goes back into the library as a new book. True when that is so.
  bool KeepEdited(const SharedFolder::HiddenFile& hidden);
  void Enter(absl::Span<const TransferId> ids);
  void Leave(absl::Span<const TransferId> ids);

  const SharedFolder* const folder_;
  Ledger* const ledger_;
  Library* const library_;
  const PrivateKey key_;

  // Transfers that a call is deciding about; another call for one of them waits.
  Mutex mutex_;
  CondVar left_;
  absl::flat_hash_set<TransferId> busy_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_HANDOVER_H_
