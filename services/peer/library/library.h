// The listings of this peer's folder, in memory, and the order in which they change.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_H_

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
#include <utility>
#include <vector>

#include "lib/core/book_listing.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/book.h"
#include "services/peer/library/doubts.h"
#include "services/peer/library/finding.h"
#include "services/peer/library/finding_plan.h"
#include "services/peer/library/library_feed.h"
#include "services/peer/library/library_tables.h"
#include "services/peer/library/library_watch.h"
#include "services/peer/library/releases.h"
#include "services/peer/library/unshared_files.h"

namespace arkshare {

// Thread-safe. One lock guards four tables, because most decisions need several of them. It is not
// held while the ledger is written or a file is opened: a claim keeps a path for the caller
// meanwhile.
class Library {
 public:
  // Listings that change, or are confirmed, under one lock, because readers wait for it.
  static constexpr size_t kSlice = 256;

  struct Options {
    SharePolicy policy = SharePolicy::kMove;
    uint64_t max_books = 10'000'000;
  };

  // All must outlive it.
  Library(const SharedFolder* folder, Ledger* ledger, const Clock* clock, Options options);

  // Reads the present listings from the ledger. Call once, before anything else.
  absl::Status Load();
  // Sets the function that is called, without locks, with paths to be examined again. Call before
  // threads start.
  void SetExamineRequest(std::function<void(const std::string& path)> request);

  SharePolicy policy() const { return options_.policy; }
  // Returns the largest number that the ledger had drawn before Load; 0 when it had drawn none.
  uint64_t number_at_load() const { return number_at_load_; }

  // --- Looking ---
  std::optional<Book> Find(const BookName& name) const;
  std::optional<Book> FindContent(const ContentId& content) const;
  std::optional<Book> FindPath(const std::string& path) const;
  // Returns the file at a path that is not listed.
  std::optional<LibraryItem> FindUnlisted(const std::string& path) const;
  // Returns at most `limit` items in order of path, after `after` ("" for the first).
  std::vector<LibraryItem> Items(const std::string& after, size_t limit) const;
  // Returns the keys of the same items.
  std::vector<LibraryKey> Keys(const std::string& after, size_t limit) const;
  // Returns the item at a path, listed or not; nullopt when there is none.
  std::optional<LibraryItem> ItemAt(const std::string& path) const;
  // Returns the paths of all files beneath a folder, shared or not; "" for all.
  std::vector<std::string> PathsBeneath(const std::string& folder) const;
  struct Totals {
    uint64_t books = 0;
    uint64_t bytes = 0;
    uint64_t pending = 0;    // still to be hashed
    uint64_t unsettled = 0;  // books that the index has not answered for
    uint64_t unlisted = 0;   // files that are not listed, with those that are still to be hashed
  };
  Totals GetTotals() const;

  // --- Serving ---
  // Opens any unreleased listing of `content` whose file is still what was hashed, but for ctime;
  // listing `preferred` if it is one of them. Errors: kBookMoved with the public key of its
  // receiver, kBookChanged, kBookGone, kBookUnsettled (being released now).
  absl::StatusOr<ServedBook> OpenForServing(const ContentId& content, uint64_t preferred = 0);
  // A receiver has got other bytes than this content. Doubts the identities of its listings and
  // asks for them to be examined, so that their files are hashed again. Calls `forget` before with
  // the identity that each has, for the cache. Leaves out a listing that was doubted less than a
  // minute ago, and stops after ten listings a minute.
  void Doubt(const ContentId& content, absl::FunctionRef<void(const FileIdentity&)> forget);

  // --- What the scanner finds in the folder ---
  // Makes the listings agree with the folder, in one transaction of the ledger. A book takes the
  // place of the listing at its path, and draws its `number`. Leaves alone a path that is claimed.
  // Notes a file as unshared when another path has its name (NFC), or beyond max_books. Errors:
  // those of the ledger; then no listing has changed. A listing of the same content whose identity
  // differs in ctime at most stays, and takes the new identity.
  // Returns how many listings have changed.
  absl::StatusOr<size_t> Apply(std::vector<Finding> findings);
  // Applies that a book was found.
  absl::Status Appear(ListingRecord record, bool lend_only) {
    std::string path = record.path;
    return Apply({{.path = std::move(path), .book = std::move(record), .lend_only = lend_only}})
        .status();
  }
  // Applies that a path has no file any more, or none that can be shared.
  absl::Status Vanish(const std::string& path, ListingRecord::State state) {
    return Apply({{.path = path, .ended = state}}).status();
  }
  // Notes that a listed file is unchanged; hard links may have come or gone. `trouble` says why
  // other peers cannot get it now; "" when they can.
  void Confirm(const std::string& path, bool lend_only, const std::string& trouble = "");
  struct SeenFile {
    std::string path;
    FileIdentity identity;
    bool lend_only = false;
  };
  // Confirms the files that are listed with these identities and without trouble. Returns for each
  // file, in order, its lend_reason; nullopt when it was not confirmed. Takes the lock once for
  // kSlice files.
  std::vector<std::optional<std::string>> ConfirmAll(absl::Span<const SeenFile> files);
  // Sets why the listing at a path can only be lent, apart from hard links; empty: it can be taken.
  void SetLendReason(const std::string& path, const std::string& reason);
  // Notes a file that is not listed: `reason` as in UnlistedFiles.
  void NoteUnshared(const std::string& path, uint64_t size, const std::string& reason);
  void NotePending(const std::string& path, uint64_t size) { NoteUnshared(path, size, ""); }
  // Deletes what the ledger knows of listings that ended long ago, when it is much.
  absl::Status Prune();
  // Gives the listings new numbers, all larger than `number`, and returns how many: the ledger is
  // older than what the index knows of this peer, so its next numbers were used before. Leaves
  // alone what transfers are using: claimed paths, and listings that the index has not answered
  // for. Partial listings get new numbers too.
  absl::StatusOr<size_t> Renumber(uint64_t number);

  // --- What the owner keeps private. Has a lock of its own. ---
  UnsharedFiles& unshared() { return unshared_; }

  // --- Names and paths in use by transfers ---
  // Reserves a name that no book and no other transfer has. kNameTaken.
  absl::Status ReserveName(const BookName& name);
  void UnreserveName(const BookName& name);
  // Claims a path, which the scanner then leaves as it is. Waits while another caller has it.
  void ClaimPath(const std::string& path);
  // Claims a path unless another caller has it. A caller that has claims and wants more must use
  // this: the other caller may be waiting for one of them.
  bool TryClaimPath(const std::string& path);
  // Ends the claim and asks for the path to be examined.
  void UnclaimPath(const std::string& path);
  bool Claimed(const std::string& path) const;
  // Lists received books that are in their places, under the numbers that the ledger drew.
  void Receive(absl::Span<const ListingRecord> records);
  // Announces received listings for which the index has answered; they may be released again.
  absl::Status Settle(absl::Span<const uint64_t> numbers);

  // --- Giving away: the source's half of a move ---
  Releases& releases() { return releases_; }

  // --- The feed for the index ---
  using Change = LibraryFeed::Change;
  LibraryFeed& feed() { return feed_; }

  // --- For the owner ---
  // Begins a watch, which rings `bell` when it has news. Both must outlive it.
  std::unique_ptr<LibraryWatch> Watch(Bell* bell) {
    return std::make_unique<LibraryWatch>(&shared_, bell);
  }

 private:
  // Has the ledger record a plan, then makes it in the tables.
  absl::StatusOr<size_t> Carry(FindingPlan plan, uint64_t above = 0);
  void List(Book book) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_.mutex);
  void Unclaim(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_.mutex);
  void Push(Change change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_.mutex);
  void RequestExamine(const std::string& path);

  const SharedFolder* const folder_;
  LedgerListings* const ledger_listings_;
  LedgerReleases* const ledger_releases_;
  const Clock* const clock_;
  const Options options_;
  std::function<void(const std::string&)> request_;
  uint64_t number_at_load_ = 0;
  UnsharedFiles unshared_;

  GuardedTables shared_;
  Releases releases_;
  LibraryFeed feed_;
  uint64_t ended_ ABSL_GUARDED_BY(shared_.mutex) = 0;  // listings that ended since the last Prune
  Doubts doubts_ ABSL_GUARDED_BY(shared_.mutex);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_H_
