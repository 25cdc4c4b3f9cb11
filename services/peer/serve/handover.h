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
#include "lib/core/ticket.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/library.h"
#include "services/peer/serve/book_hider.h"
#include "services/peer/serve/hidden_copies.h"
#include "services/peer/serve/served_proofs.h"
#include "services/peer/serve/transfer_claims.h"

namespace arkshare {

// The order of one release, and why:
//   0. compare the whole identity, take a read lease      nothing has touched it since it was
//                                                         hashed, and no program writes to it
//   1. rename the file to released/<transfer>-<listing>   no other file can be swapped in any more
//   2. compare inode, size, mtime and links there, and    what is given away is what was listed
//      the lease
//   3. fsync both folders                                 the hidden copy survives a power cut
//   4. record RELEASED with the ticket                    THE COMMIT POINT
//   5. answer
// Before 4 a restart puts the file back. After 4 only a Confirm, or the owner, ends the hidden
// copy; a Confirm ends it only when this very file is proven to be the book (HiddenCopies).
// Thread-safe.
class Handover {
 public:
  // All must outlive it.
  Handover(const SharedFolder* folder, Ledger* ledger, Library* library, ServedProofs* proofs,
           PrivateKey key)
      : folder_(folder),
        listings_(ledger->listings()),
        releases_(ledger->releases()),
        library_(library),
        proofs_(proofs),
        key_(std::move(key)),
        copies_(folder, ledger),
        hider_(folder, library, proofs, &copies_) {}

  // Completes or undoes what a crash interrupted. Call once, after the ledger is open and before
  // the folder is scanned. A file that cannot be put back stays hidden until the next start.
  absl::Status Recover();

  // Returns a ticket or a refusal for each item; the answer to a transfer never changes once it is
  // a ticket or a final refusal (IsFinalRefusal), because both are durable. A refusal for a number
  // that no listing has needs no record. Refusals are forgotten when there are many later ones
  // (kMaxRefusals). kBookUnsettled, kDiskFull and kInternal are not final. Requires that no two
  // items have the same transfer or the same listing. `from_here`: the transfers whose receiver has
  // verified bytes of this peer only.
  std::vector<absl::StatusOr<MoveTicket>> Release(
      const PublicKey& receiver, absl::Span<const ReleaseItem> items,
      const absl::flat_hash_set<TransferId>& from_here = {});
  // The receiver owns these books: removes the hidden copies that are proven to be them, and has
  // the others read first, after the call. Errors of each transfer: kTransferUnknown; kDiskFull and
  // kInternal, after which the receiver confirms again.
  std::vector<absl::Status> Confirm(const PublicKey& receiver,
                                    absl::Span<const TransferId> transfers);

  // Returns the releases that are not confirmed.
  absl::StatusOr<std::vector<ReleaseRecord>> Limbo() { return releases_->Hidden(); }
  // Returns the name that a listing has or had; empty when it is unknown.
  std::string NameOf(uint64_t listing);
  // Puts a hidden copy back into the folder as a new book; returns its path, for the scanner.
  // Errors: kTransferUnknown; kFileNotFound when the hidden copy itself is gone.
  absl::StatusOr<std::string> Restore(const TransferId& id);
  // Waits until the hidden copies that were confirmed are read; for tests.
  void AwaitRead() { copies_.AwaitRead(); }

 private:
  // One item of a Release on its way through the call.
  struct Attempt {
    const ReleaseItem* item;
    absl::StatusOr<MoveTicket> answer = absl::UnknownError("undecided");
    bool from_here = false;      // the receiver has verified bytes of this peer only
    bool decided_now = false;    // in this call, not by an earlier record
    std::optional<Book> book{};  // being released
  };

  // --- The steps of Release ---
  // Answers from the record of an earlier call, or begins the release, or refuses it.
  void Decide(const PublicKey& receiver, Attempt& attempt);
  // Steps 1 to 3 for all attempts that are being released.
  void HideAndSync(absl::Span<Attempt> attempts);
  // Whether this is a refusal whose cause could pass, so that only a record keeps it.
  bool NeedsRecord(const Attempt& attempt);
  // Step 4: one transaction for all tickets and all new refusals.
  absl::Status Record(const PublicKey& receiver, absl::Span<Attempt> attempts);
  // Step 5. When nothing was recorded, undoes what was decided in this call.
  void Answer(const PublicKey& receiver, const absl::Status& recorded, Attempt& attempt);

  absl::StatusOr<MoveTicket> AnswerOf(const ReleaseRecord& record, const PublicKey& receiver,
                                      const ReleaseItem& item) const;
  absl::Status RecordGone(absl::Span<const SharedFolder::HiddenFile> files);

  const SharedFolder* const folder_;
  LedgerListings* const listings_;
  LedgerReleases* const releases_;
  Library* const library_;
  ServedProofs* const proofs_;
  const PrivateKey key_;

  TransferClaims claims_;
  HiddenCopies copies_;
  BookHider hider_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_HANDOVER_H_
