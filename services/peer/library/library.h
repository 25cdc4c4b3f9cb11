// What this peer has: the listings of its folder, in memory, and the order in which they change.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "lib/core/book_listing.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/disk/shared_folder.h"

namespace arkshare {

// The source's word on what a download does.
enum class SharePolicy { kMove, kCopy };

// A listing of this folder, as it is now.
struct Book {
  ListingRecord record;
  bool lend_only = false;  // has more than one hard link: a move could not take the others away

  BookListing listing() const { return {record.number, record.name, record.content}; }
};

// Something in the folder, shared or not.
struct LibraryItem {
  std::string path;
  uint64_t size = 0;            // bytes
  std::optional<Book> book;     // unset while being hashed, and when not shared
  std::string unshared_reason;  // for people; empty when shared or still being hashed
};

// A book opened for one reader.
struct ServedBook {
  UniqueFd fd;
  Book book;
  // Turns true when the listing was given away or went: stop reading.
  std::shared_ptr<const std::atomic<bool>> ended;
};

// Thread-safe. Ledger writes and opened files happen outside its lock.
class Library {
 public:
  struct Options {
    SharePolicy policy = SharePolicy::kMove;
    uint64_t max_books = 10'000'000;
  };

  // All must outlive it.
  Library(const SharedFolder* folder, Ledger* ledger, const Clock* clock, Options options);

  // Takes up what the ledger says is present. Call once, before anything else.
  absl::Status Load();
  // Called, without locks, with paths that should be examined again. Set before threads start.
  void SetExamineRequest(std::function<void(const std::string& path)> request);

  SharePolicy policy() const { return options_.policy; }

  // --- Looking ---
  std::optional<Book> Find(const BookName& name) const;
  std::optional<Book> FindContent(const ContentId& content) const;
  std::optional<Book> FindPath(const std::string& path) const;
  // What stands at a path without being listed.
  std::optional<LibraryItem> FindUnlisted(const std::string& path) const;
  // In order of path, after `after` ("" for the first), at most `limit`.
  std::vector<LibraryItem> Items(const std::string& after, size_t limit) const;
  std::vector<std::string> Paths() const;
  struct Totals {
    uint64_t books = 0;
    uint64_t bytes = 0;
    uint64_t pending = 0;  // still to be hashed
  };
  Totals GetTotals() const;

  // --- Serving ---
  // Opens any unreleased listing of `content` whose file is still what was hashed.
  // Errors: kBookMoved with where it went, kBookChanged, kBookGone, kBookUnsettled (being released
  // now).
  absl::StatusOr<ServedBook> OpenForServing(const ContentId& content);

  // --- What the folder shows (the scanner) ---
  // A file was hashed: a new listing in place of whatever was at its path. Its `number` is drawn
  // here. Does nothing when the path is claimed. Errors: AlreadyExists (the name is taken by
  // another path; NFC), kLimitExceeded; both are noted as the item's unshared_reason.
  absl::Status Appear(ListingRecord record, bool lend_only);
  // The file still is what it was; hard links may have come or gone.
  void Confirm(const std::string& path, bool lend_only);
  // Nothing is there any more, or nothing that can be shared.
  absl::Status Vanish(const std::string& path, ListingRecord::State state);
  void NotePending(const std::string& path, uint64_t size);
  void NoteUnshared(const std::string& path, uint64_t size, const std::string& reason);
  void Forget(const std::string& path);
  bool UnsharedByOwner(const std::string& path) const;
  absl::Status SetUnsharedByOwner(const std::string& path, bool unshared);

  // --- Names and paths in use by transfers ---
  // Two transfers cannot reserve one name, nor one that a book has. Errors: kNameTaken.
  absl::Status ReserveName(const BookName& name);
  void UnreserveName(const BookName& name);
  // While a path is claimed, the scanner leaves it alone. Waits while somebody else has it claimed.
  void ClaimPath(const std::string& path);
  // Claims it unless somebody else has. Who holds claims and wants more must not wait for them:
  // the other may wait for one of these.
  bool TryClaimPath(const std::string& path);
  // Asks for the path to be examined.
  void UnclaimPath(const std::string& path);
  bool Claimed(const std::string& path) const;
  // Received books are in their places, under the numbers that the ledger drew.
  void Receive(absl::Span<const ListingRecord> records);
  // The index has answered for these received listings: announce them; they may be moved again.
  absl::Status Settle(absl::Span<const uint64_t> numbers);

  // --- Giving away (the source's half of a move) ---
  // Stops serving a listing, or says why not: kBookMoved, kBookGone, kBookChanged, kNotForTaking,
  // kBookUnsettled. Waits while another release of it is being decided. Claims its path.
  absl::StatusOr<Book> BeginRelease(const ReleaseItem& item);
  // The commit point was passed: ends its readers. It stays in the feed until AnnounceGone.
  void FinishRelease(uint64_t number);
  // It was not: serve it again, after another look at its path.
  void CancelRelease(uint64_t number);
  // The receiver has told the index: say so ourselves.
  void AnnounceGone(uint64_t number);

  // --- Books that are being received, and offered as far as they have come ---
  // Announces a partial listing until it is withdrawn or the whole book is listed; not when it is,
  // nor beyond max_books.
  void AnnouncePartial(const BookListing& listing);
  void WithdrawPartial(uint64_t number);

  // --- The feed: what to tell the index, in order. One reader. ---
  using Change = std::variant<BookListing, uint64_t /*gone*/>;
  // Everything that is announced now; NextChanges continues from here.
  std::vector<BookListing> StartFeed();
  // Waits at most `wait` for the first change; at most `most` of them.
  std::vector<Change> NextChanges(absl::Duration wait, size_t most);
  // Makes a waiting NextChanges return.
  void WakeFeed();

 private:
  struct Held {
    Book book;
    bool releasing = false;
    std::shared_ptr<std::atomic<bool>> ended = std::make_shared<std::atomic<bool>>(false);
  };

  void Insert(Book book) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Erase(uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unclaim(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WithdrawPartialsOf(const ContentId& content) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PushChange(Change change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const Held* HeldAt(const std::string& path) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WhyNotHere(const ContentId& content);
  absl::Status WhyNotReleasable(const ReleaseItem& item);
  void RequestExamine(const std::string& path);

  const SharedFolder* const folder_;
  Ledger* const ledger_;
  const Clock* const clock_;
  const Options options_;
  std::function<void(const std::string&)> request_;

  mutable Mutex mutex_;
  CondVar unclaimed_;
  CondVar feed_changed_;
  absl::flat_hash_map<uint64_t, Held> held_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> by_path_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<BookName, uint64_t> by_name_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<ContentId, std::set<uint64_t>> by_content_ ABSL_GUARDED_BY(mutex_);
  // What stands in the folder without a listing.
  struct Other {
    uint64_t size = 0;
    std::string reason;  // empty: still to be hashed
  };
  std::map<std::string, Other> others_ ABSL_GUARDED_BY(mutex_);
  uint64_t pending_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<std::string> unshared_by_owner_ ABSL_GUARDED_BY(mutex_);
  std::set<BookName> reserved_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> claimed_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, BookListing> partials_ ABSL_GUARDED_BY(mutex_);
  std::deque<Change> feed_ ABSL_GUARDED_BY(mutex_);
  bool feed_woken_ ABSL_GUARDED_BY(mutex_) = false;
  // Released, and to be announced as gone at this time at the latest.
  std::map<uint64_t, absl::Time> leaving_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_LIBRARY_H_
