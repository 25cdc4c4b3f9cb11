// The record of what a peer has promised: its listings and its moves. Durable when a call returns.
// The ledger never forgets what was given away. Of refusals, it keeps the last ones.
//
// The tables are described in ledger.cc, where a program that audits a ledger reads them.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/book_name.h"
#include "lib/core/clock.h"
#include "lib/core/content_id.h"
#include "lib/core/mutex.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/ledger_history.h"
#include "services/peer/disk/ledger_listings.h"
#include "services/peer/disk/ledger_records.h"
#include "services/peer/disk/ledger_releases.h"
#include "services/peer/disk/ledger_transfers.h"
#include "services/peer/disk/ledger_unshared.h"
#include "services/peer/disk/ledger_wishes.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/disk/sqlite.h"

namespace arkshare {

// Thread-safe. One mutex serialises the one database connection, so it is held during disk writes.
// That is an exception to the rule that no lock is held across I/O: call with no other lock held.
//
// When the disk is full, the ledger gives up the folder's reserve and tries once more;
// ResourceExhausted then means that nothing was written. Another failure of a commit leaves unknown
// what is on the disk, so it ends the process; the restart reads the disk.
class Ledger {
 public:
  // Doubts the identities of all listings (kDoubtedCtime) when the folder is at another place than
  // last time, or does not keep ctimes. `folder` and `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(const SharedFolder* folder,
                                                      const Clock* clock);

  // --- Listings ---
  absl::StatusOr<std::vector<ListingRecord>> PresentListings();
  absl::StatusOr<std::optional<ListingRecord>> FindListing(uint64_t number);
  // Ends listing `gone` (0: none) with `gone_state` and adds `added`, in one transaction. Returns
  // the number of the new listing.
  absl::StatusOr<uint64_t> ReplaceListing(uint64_t gone, ListingRecord::State gone_state,
                                          const ListingRecord& added);
  struct Replacement {
    uint64_t gone = 0;  // the listing that ends; 0: none
    ListingRecord::State gone_state = ListingRecord::State::kDeleted;
    const ListingRecord* added = nullptr;  // nullptr: none
  };
  // Makes all of them in one transaction. Returns the number of each new listing, 0 where none was
  // added. All numbers from now on are larger than `above`.
  absl::StatusOr<std::vector<uint64_t>> ReplaceListings(absl::Span<const Replacement> changes,
                                                        uint64_t above = 0);
  // Deletes the records of listings that were deleted or changed, but not those of the last 10,000
  // numbers: a receiver that still asks for one of these is told what became of it. Takes several
  // transactions.
  absl::Status PruneListings();
  // Returns the largest number that was drawn; 0 when none was.
  absl::StatusOr<uint64_t> LastListingNumber();
  // Returns a number for a listing that is announced to the index but never recorded.
  absl::StatusOr<uint64_t> DrawListingNumber();
  absl::Status EndListing(uint64_t number, ListingRecord::State state);
  absl::Status SettleListings(absl::Span<const uint64_t> numbers);
  struct Identity {
    uint64_t listing = 0;
    FileIdentity identity;
  };
  // Stores the identities under which the files of listings were hashed again, with the same
  // contents, in one transaction.
  absl::Status RecordIdentities(absl::Span<const Identity> identities);

  // --- The source's half ---
  absl::StatusOr<std::optional<ReleaseRecord>> FindRelease(const TransferId& id);
  // Returns the release that gave a listing away; nullopt when none did.
  absl::StatusOr<std::optional<ReleaseRecord>> FindReleaseOfListing(uint64_t listing);
  // Returns the latest release of this content, which tells where the book went.
  absl::StatusOr<std::optional<ReleaseRecord>> FindReleaseOfContent(const ContentId& content);
  // Records all of them, of one receiver, in one transaction, and ends the listings that are
  // released: this is the commit point of a move. Keeps the last kMaxRefusalsOfReceiver refusals of
  // the receiver and the last kMaxRefusals of all.
  absl::Status RecordReleases(absl::Span<const ReleaseRecord> records);
  absl::Status RecordReleaseStates(absl::Span<const TransferId> ids, ReleaseRecord::State state);
  // Returns what was released and is neither confirmed nor restored; oldest first.
  absl::StatusOr<std::vector<ReleaseRecord>> HiddenReleases();
  // Returns how many these are.
  absl::StatusOr<uint64_t> CountHidden();
  // Grows when a release is recorded or gets another state.
  uint64_t release_changes() const { return release_changes_; }
  // Returns what is confirmed and waits for the proof that its hidden copy may be deleted.
  absl::StatusOr<std::vector<ReleaseRecord>> ConfirmedReleases();

  // --- The receiver's half; each call is one transaction ---
  absl::Status RecordIntents(absl::Span<const TransferRecord> records);
  absl::Status RecordPrepared(absl::Span<const TransferId> ids);
  absl::Status RecordDropped(const TransferId& id);
  struct Owned {
    const TransferRecord* transfer;  // without a ticket: a copy
    const ListingRecord* listing;
  };
  // Stores kOwned and adds the new listings; returns their numbers.
  absl::StatusOr<std::vector<uint64_t>> RecordOwned(absl::Span<const Owned> books);
  // Renames the listing and the transfer together, because the first name was taken.
  absl::Status RenameOwned(const TransferId& id, uint64_t listing, const BookName& name);
  // Renames a transfer that is not owned yet, because its owner has chosen another place.
  absl::Status RenameTransfer(const TransferId& id, const BookName& name);
  // Stores index_told, confirmed and state of the records, and the identities of `listings`.
  absl::Status RecordProgress(absl::Span<const TransferRecord> records,
                              absl::Span<const ListingRecord> listings = {});
  // Returns those that are neither done nor dropped.
  absl::StatusOr<std::vector<TransferRecord>> OpenTransfers();

  // --- What the owner decided, and the peer's number ---
  absl::StatusOr<std::vector<UnsharedRecord>> Unshared();
  absl::Status RecordUnshared(absl::Span<const UnsharedRecord> records);
  absl::Status RecordShared(absl::Span<const std::string> paths);
  // --- For the owner; see ledger_owner.cc ---
  // Returns when each of these listings was added, in order; the epoch when it is not known.
  absl::StatusOr<std::vector<absl::Time>> ListedTimes(absl::Span<const uint64_t> numbers);
  // Returns the records that come after `after`; see LedgerHistory.
  absl::StatusOr<std::vector<HistoryRecord>> History(const std::optional<HistoryPlace>& after,
                                                     size_t limit);
  absl::StatusOr<std::vector<WishRecord>> Wishes();
  // Adds a wish, or changes the one with the same query; returns its id. See LedgerWishes.
  absl::StatusOr<uint64_t> RecordWish(const WishRecord& wish);
  absl::Status RemoveWish(uint64_t wish);
  absl::Status RecordFinds(uint64_t wish, absl::Span<const WishFind> finds);
  absl::Status RecordFetched(uint64_t wish, const ContentId& content);

  // Returns the number that the index gave this peer last; 0 for none.
  absl::StatusOr<uint32_t> LastPeerId();
  absl::Status SetLastPeerId(uint32_t id);
  // The port of the relay through which other peers reached this one last; 0: they reached it
  // directly, or not at all.
  absl::StatusOr<uint32_t> LastRelayPort();
  absl::Status SetLastRelayPort(uint32_t port);

 private:
  Ledger(const SharedFolder* folder, const Clock* clock, std::unique_ptr<SqlDatabase> db);
  // Runs `body` in a transaction, with the rules of the class comment for failures. Runs it twice
  // when the disk is full.
  absl::Status Commit(absl::FunctionRef<absl::Status()> body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A row of meta; 0 when there is none.
  absl::StatusOr<uint32_t> ReadNumber(absl::string_view key);
  absl::Status RecordNumber(absl::string_view key, uint32_t value);
  absl::Status ComparePlace(const FolderTraits& traits) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SharedFolder* const folder_;
  const Clock* const clock_;
  Mutex mutex_;
  std::unique_ptr<SqlDatabase> db_ ABSL_GUARDED_BY(mutex_);
  LedgerListings listings_ ABSL_GUARDED_BY(mutex_);
  LedgerReleases releases_ ABSL_GUARDED_BY(mutex_);
  LedgerTransfers transfers_ ABSL_GUARDED_BY(mutex_);
  LedgerUnshared unshared_ ABSL_GUARDED_BY(mutex_);
  LedgerHistory history_ ABSL_GUARDED_BY(mutex_);
  LedgerWishes wishes_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> release_changes_ = 0;
  // False when it was given up; made again as soon as there is room.
  bool reserve_ ABSL_GUARDED_BY(mutex_) = true;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_H_
