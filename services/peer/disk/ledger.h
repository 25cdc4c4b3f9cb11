// What a peer has promised: its listings and its moves. Durable when a call returns; never thrown
// away.
//
// The tables are described in ledger.cc, where a program that audits a ledger reads them.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/book_name.h"
#include "lib/core/clock.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/disk/sqlite.h"

namespace arkshare {

// One appearance of a book in this folder.
struct ListingRecord {
  enum class State { kPresent = 1, kReleased = 2, kDeleted = 3, kChanged = 4 };

  uint64_t number = 0;  // from 1, never used twice
  BookName name;
  std::string path;  // as it stands on the disk; differs from the name only before NFC
  ContentId content;
  FileIdentity identity;  // of the file when it was hashed
  State state = State::kPresent;
  // Received by a move whose UpdateOwner the index has not answered: not to be released again yet.
  bool unsettled = false;
};

// The source's half of a move: what was answered to a Release, for ever.
struct ReleaseRecord {
  enum class State { kRefused = 0, kHidden = 1, kGone = 2, kRestored = 3 };

  ReleaseItem item;
  PublicKey receiver;
  State state = State::kRefused;
  MoveTicket ticket{};     // unless refused
  absl::Status refusal{};  // when refused; carries its Reason and metadata
  absl::Time time{};
};

// The receiver's half of a transfer, of a move or a copy.
struct TransferRecord {
  enum class State {
    kIntent = 1,    // may be forgotten
    kPrepared = 2,  // verified and durable in staging
    kOwned = 3,     // ours; a listing of its own
    kDone = 4,
    kDropped = 5,  // given up before it was ours
  };

  TransferId id;
  bool move = false;  // will be, or was, released by the source
  bool kept = false;  // a copy because the owner decided so when the source did not answer
  PublicKey source;
  uint64_t source_listing = 0;
  ContentId content;
  BookName name;  // here
  State state = State::kIntent;
  uint64_t listing = 0;                // here; 0 until kOwned
  std::optional<MoveTicket> ticket{};  // once released
  bool index_told = false;             // UpdateOwner was answered
  bool confirmed = false;              // Confirm was answered
};

// Thread-safe. One mutex serialises the one database connection, so it is held during disk writes:
// call with no other lock held. When the disk is full it gives up the folder's reserve and tries
// once more; ResourceExhausted then means that nothing was written. Other failures of a commit
// leave unknown what is on the disk, so they end the process; the restart reads it.
class Ledger {
 public:
  // `folder` must outlive it.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(const SharedFolder* folder,
                                                      const Clock* clock);

  // --- Listings ---
  absl::StatusOr<std::vector<ListingRecord>> PresentListings();
  absl::StatusOr<std::optional<ListingRecord>> FindListing(uint64_t number);
  // In one transaction: `gone` (0: none) leaves with `gone_state`, then `added` appears. Returns
  // its number.
  absl::StatusOr<uint64_t> ReplaceListing(uint64_t gone, ListingRecord::State gone_state,
                                          const ListingRecord& added);
  // A number for a listing that is never recorded: it is told to the index only.
  absl::StatusOr<uint64_t> DrawListingNumber();
  absl::Status EndListing(uint64_t number, ListingRecord::State state);
  absl::Status SettleListings(absl::Span<const uint64_t> numbers);

  // --- The source's half ---
  absl::StatusOr<std::optional<ReleaseRecord>> FindRelease(const TransferId& id);
  // Who has a listing that was released; nullopt when it was not.
  absl::StatusOr<std::optional<ReleaseRecord>> FindReleaseOfListing(uint64_t listing);
  // The latest release of this content, to tell where it went.
  absl::StatusOr<std::optional<ReleaseRecord>> FindReleaseOfContent(const ContentId& content);
  // One transaction for all; released listings change their state with it: the commit point.
  absl::Status RecordReleases(absl::Span<const ReleaseRecord> records);
  absl::Status RecordReleaseStates(absl::Span<const TransferId> ids, ReleaseRecord::State state);
  // Released, not confirmed and not restored; oldest first.
  absl::StatusOr<std::vector<ReleaseRecord>> HiddenReleases();

  // --- The receiver's half ---
  // One transaction for all, here and below.
  absl::Status RecordIntents(absl::Span<const TransferRecord> records);
  absl::Status RecordPrepared(absl::Span<const TransferId> ids);
  absl::Status RecordDropped(const TransferId& id);
  // kOwned, and the new listing; returns the listings' numbers. The ticket may be unset (a copy).
  struct Owned {
    const TransferRecord* transfer;
    const ListingRecord* listing;
  };
  absl::StatusOr<std::vector<uint64_t>> RecordOwned(absl::Span<const Owned> books);
  // The listing's and the transfer's name change together: the first name was taken.
  absl::Status RenameOwned(const TransferId& id, uint64_t listing, const BookName& name);
  // Stores index_told, confirmed and state of the records.
  absl::Status RecordProgress(absl::Span<const TransferRecord> records);
  // Neither done nor dropped.
  absl::StatusOr<std::vector<TransferRecord>> OpenTransfers();

  // --- What the owner decided ---
  absl::StatusOr<std::vector<std::string>> UnsharedPaths();
  absl::Status SetUnshared(const std::string& path, bool unshared);
  // The number that the index last gave us; 0 for none.
  absl::StatusOr<uint32_t> LastPeerId();
  absl::Status SetLastPeerId(uint32_t id);

 private:
  Ledger(const SharedFolder* folder, const Clock* clock) : folder_(folder), clock_(clock) {}
  // Runs `body` in a transaction, with the rules of the class comment for failures.
  absl::Status Commit(absl::FunctionRef<absl::Status()> body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<uint64_t> InsertListing(const ListingRecord& listing)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::vector<ReleaseRecord>> SelectReleases(SqlStatement& statement)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SharedFolder* const folder_;
  const Clock* const clock_;
  Mutex mutex_;
  std::unique_ptr<SqlDatabase> db_ ABSL_GUARDED_BY(mutex_);
  // False when it was given up; made again as soon as there is room.
  bool reserve_ ABSL_GUARDED_BY(mutex_) = true;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_H_
