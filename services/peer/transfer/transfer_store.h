// The durable parts of a transfer: its record, its staged file, its reserved name.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_STORE_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_STORE_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/entrance.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/disk/unique_fd.h"
#include "services/peer/library/library.h"

namespace arkshare {

// The steps on this peer's disk, in the order of a transfer's life. A call's writes are durable
// when it returns, unless it says otherwise. Thread-safe; its lock is not held across I/O.
class TransferStore {
 public:
  // All must outlive it.
  TransferStore(const SharedFolder* folder, Ledger* ledger, Library* library, const Clock* clock)
      : folder_(folder),
        ledger_listings_(ledger->listings()),
        ledger_transfers_(ledger->transfers()),
        library_(library),
        clock_(clock) {}

  struct Recovered {
    TransferRecord record;
    // Set for an owned book that cannot enter now. Its path stays claimed, so the library does not
    // list it yet.
    std::optional<ListingRecord> to_admit{};
  };
  // Ends what a crash interrupted on the disk, and returns the transfers that go on. Call once,
  // before the library is loaded. Errors: only those of a ledger that cannot be read.
  absl::StatusOr<std::vector<Recovered>> Recover();

  // --- To INTENT, and while it is received ---
  // Tries whether the book can enter under this name, then reserves it. `checked` spares a second
  // look at a folder. Errors: kNameTaken, kPlaceUnusable, kDiskFull.
  absl::Status ReserveName(const BookName& name, Entrance::Checked& checked);
  // Records new transfers, whose names are reserved; after an error none of them is.
  // Errors: kDiskFull.
  absl::Status RecordIntents(absl::Span<const TransferRecord> records);
  // Whether an interrupted download goes on with its staged bytes. A book of one piece comes again
  // as fast, and after a week its owner no longer wants the book.
  bool CanResume(const TransferRecord& record) const;
  // Opens the staged file, with room for the whole book. Errors: kDiskFull, kInternal.
  absl::StatusOr<UniqueFd> OpenStaging(const TransferRecord& record) const;
  // Stages a whole small book; the bytes are not durable.
  absl::StatusOr<UniqueFd> StageSmall(const TransferRecord& record, const std::string& bytes) const;

  // --- To PREPARED ---
  // Brings a received book beside its place; not yet durable. May be repeated. Errors:
  // kPlaceUnusable, kDiskFull; then the transfer cannot go on.
  absl::Status BringNear(const TransferRecord& record) const;
  // Makes books that are near durable, then records `moves`. ResourceExhausted: nothing was
  // recorded.
  absl::Status Prepare(absl::Span<const int> fds, absl::Span<const std::string> paths,
                       absl::Span<const TransferId> moves);
  // Tries once more whether a prepared book can enter at its place; `checked` as in ReserveName.
  // The error says for people why it cannot.
  absl::Status CheckPlace(const TransferRecord& record, Entrance::Checked& checked) const {
    return folder_->entrance().CheckPlace(record.name.value(), checked);
  }
  // Gives a prepared book another name, which is reserved, and brings it beside that place.
  // Errors: those of Entrance::MoveNear, and ResourceExhausted.
  absl::Status PlacePrepared(TransferRecord& record, const BookName& name);
  // Finds the received book before this peer asks for it or owns it. Errors: kInternal when a
  // person has removed the file; others when its folder cannot be read now.
  absl::StatusOr<FileStat> FindStaged(const TransferRecord& record) const;

  // --- To OWNED, and to its place ---
  // Claims the path that the book will have, and shares it again if its owner unshared an earlier
  // book there. Errors: Unavailable while the scanner or a release has it claimed,
  // ResourceExhausted.
  absl::Status ClaimPath(const std::string& path);
  void UnclaimPath(const std::string& path) { library_->UnclaimPath(path); }
  // Records books and their new listings, in one transaction; returns the numbers of the listings.
  // ResourceExhausted: nothing was recorded.
  absl::StatusOr<std::vector<uint64_t>> RecordOwned(absl::Span<const LedgerTransfers::Owned> books);
  // Renames a received book to the name of its listing. If that is taken, to the next free one; if
  // the folder cannot be used any more, into the shared folder itself. Not yet durable. Sets the
  // identity that the file has there. Requires that the path of `listing` is claimed. The path that
  // it leaves there is claimed, also after an error.
  absl::Status Admit(TransferRecord& record, ListingRecord& listing);
  // Renames a received book to `name`, which its owner has chosen, as Admit does. Errors also:
  // kNameTaken.
  absl::Status AdmitAt(TransferRecord& record, ListingRecord& listing, const BookName& name);
  // Makes admitted books durable in their places, and shares them. Their paths are claimed no more.
  void ShareAdmitted(absl::Span<const ListingRecord> listings);
  void UnreserveName(const BookName& name) { library_->UnreserveName(name); }

  // --- To DONE ---
  // The index has answered for these listings: they may be moved again.
  absl::Status SettleListings(absl::Span<const uint64_t> listings) {
    return library_->Settle(listings);
  }
  // Stores index_told, confirmed and the state of the records, and the identities of `listings`.
  absl::Status RecordProgress(absl::Span<const TransferRecord> records,
                              absl::Span<const ListingRecord> listings) {
    return ledger_transfers_->RecordProgress(records, listings);
  }

  // Gives up a transfer before it is owned. Removes the file first, which makes room for the record
  // on a full disk. If the record is not written, a restart drops the transfer again. Removes the
  // empty folders on its way that were made for it since the peer started.
  void Drop(const TransferRecord& record);

 private:
  absl::Status RecoverOwned(Recovered& recovered);
  void DropUnprepared(const TransferRecord& record);
  // Renames to the next free name that begins with `wanted`.
  absl::Status AdmitAs(TransferRecord& record, ListingRecord& listing, const BookName& wanted);
  // Renames to `name`, in the ledger first. AlreadyExists when it is taken.
  absl::Status Rename(TransferRecord& record, ListingRecord& listing, const BookName& name);
  void NoteFoldersMade(const std::string& path) const;
  void RemoveFoldersMade(const std::string& path);
  // Takes the identity that the listing's file has in its place. Returns false when there is
  // another file or none.
  bool Identify(ListingRecord& listing) const;

  const SharedFolder* const folder_;
  LedgerListings* const ledger_listings_;
  LedgerTransfers* const ledger_transfers_;
  Library* const library_;
  const Clock* const clock_;

  mutable Mutex mutex_;
  // Folders that were made for books which are not in their places yet.
  mutable std::set<std::string> made_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_STORE_H_
