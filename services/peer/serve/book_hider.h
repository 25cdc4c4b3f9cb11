// How a book's file leaves the folder, so that the book can be given away.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_BOOK_HIDER_H_
#define ARKSHARE_SERVICES_PEER_SERVE_BOOK_HIDER_H_

#include <absl/status/status.h>

#include <string>

#include "lib/core/ticket.h"
#include "services/peer/disk/read_lease.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/library.h"
#include "services/peer/serve/hidden_copies.h"
#include "services/peer/serve/served_proofs.h"

namespace arkshare {

// Steps 0 to 2 of a release (see Handover): what is hidden is exactly the file that was listed.
// Thread-safe.
class BookHider {
 public:
  // All must outlive it.
  BookHider(const SharedFolder* folder, Library* library, const ServedProofs* proofs,
            HiddenCopies* copies)
      : folder_(folder), library_(library), proofs_(proofs), copies_(copies) {}

  // Hides the file of a listing that is being released. `from_here`: the receiver has verified
  // bytes of this peer only. On an error the file is in its place, or, when that failed too, hidden
  // until the next start. Errors: kBookChanged, kBookGone, kBookUnsettled, kDiskFull, kInternal;
  // kNotForTaking, whose reason the library keeps for a book that can only be lent.
  absl::Status Hide(const Book& book, const ReleaseItem& item, bool from_here);

 private:
  // Step 0: returns why the open file is not to be given away.
  absl::Status CheckFile(const Book& book, const FileStat& stat, const ReadLease& lease);
  absl::Status NotHidden(const Book& book, const absl::Status& why);
  // Notes why a book can only be lent, and returns the refusal.
  absl::Status Lent(const Book& book, const std::string& reason);

  const SharedFolder* const folder_;
  Library* const library_;
  const ServedProofs* const proofs_;
  HiddenCopies* const copies_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_BOOK_HIDER_H_
