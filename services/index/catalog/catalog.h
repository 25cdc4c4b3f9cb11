// Who has which book, as far as the live peers have said it.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/index/catalog/events.h"
#include "services/index/catalog/fair_shared_mutex.h"
#include "services/index/catalog/records.h"
#include "services/index/catalog/search_writer.h"
#include "services/index/catalog/shelf.h"
#include "services/index/search/best_keys.h"
#include "services/index/search/query.h"
#include "services/index/store/book_table.h"

namespace arkshare {

struct SnapshotScan;

// For people: the first peers with their first books.
struct CatalogTable {
  struct Row {
    PeerSummary peer;
    std::vector<std::string> first_books;  // the oldest listings, in order of name
  };
  std::vector<Row> rows;
  size_t peer_count = 0;        // live ones
  size_t connection_count = 0;  // those of them whose stream stands
};

// A fold over what peers state: present(peer key, listing) and gone(peer key, number). Gone is
// final, so the order in which statements arrive does not matter. Partial listings are told by
// Search alone: nothing else counts or shows them, and their coming and going is no event.
// Thread-safe. Readers share the lock; a writer lets them in after every few dozen listings,
// and a reader that has much to visit begins anew where it was: nobody waits for anybody's whole
// work.
class Catalog {
 public:
  struct Options {
    // Partial ones get the room that whole ones leave.
    uint64_t max_books_per_peer = 1'000'000;
    // Called after every change, from any thread and without any lock of the catalog's.
    std::function<void()> on_change;
    // Watchers are told together of what happens within it; see Events.
    absl::Duration watch_pause = absl::ZeroDuration();
  };
  using ShelfPtr = std::shared_ptr<Shelf>;

  explicit Catalog(Options options);
  ~Catalog();

  // A session begins: its books are hidden until it streams, and for ever when it is not
  // `reachable`. An earlier shelf of the key is closed; what is gone from it stays gone until
  // CompleteSnapshot. A session that is not reachable has not proven its key: nothing that it
  // says outlives it, only signed moves do.
  ShelfPtr Open(PeerInfo peer, bool reachable);
  // The stream of the session stands, or has broken. Shows or hides all its books in one step.
  void SetStreaming(const ShelfPtr& shelf, bool streaming);
  void SetLoad(const ShelfPtr& shelf, uint32_t free_slots, uint64_t upload_limit);
  // The session has ended: everything on the shelf vanishes in one step. Idempotent.
  void Close(const ShelfPtr& shelf);

  struct Applied {
    size_t count = 0;     // how many statements, from the first
    absl::Status status;  // why the next one was not: LIMIT_EXCEEDED, INVALID_FIELD
  };
  // At most 1,000 statements at a time.
  Applied Apply(const ShelfPtr& shelf, absl::Span<const StatementRecord> statements);
  // The owner has stated its whole folder: tombstones from before this session have done their
  // work, if it is reachable.
  void CompleteSnapshot(const ShelfPtr& shelf);
  // Each change is one step; repeating it changes nothing. A status for each; for fewer when the
  // receiver's shelf is closed: the others were not made.
  std::vector<absl::Status> UpdateOwner(const ShelfPtr& receiver,
                                        absl::Span<const OwnerChange> changes);

  // Adds a page of results after `after` to `writer`, in order; yields the last one's key when more
  // may follow. Holders with loopback addresses only when `loopback`. A query by content finds
  // holders of a part too when `partial_seed` is set, which chooses among many.
  std::optional<SearchKey> Search(const BookQuery& query, bool loopback, size_t page_size,
                                  const std::optional<SearchKey>& after,
                                  std::optional<uint64_t> partial_seed, SearchWriter& writer) const;
  // Live peers with a larger id than `after`, in order.
  std::vector<PeerSummary> ListPeers(uint32_t after, size_t most) const;
  std::optional<PeerSummary> FindPeer(uint32_t peer_id) const;
  std::optional<PeerSummary> FindPeer(const PublicKey& key) const;
  // The visible books of a live peer after (name, number), in order. PEER_UNKNOWN.
  absl::StatusOr<std::vector<BookListing>> ListBooks(uint32_t peer_id,
                                                     const std::pair<std::string, uint64_t>& after,
                                                     size_t most) const;
  CatalogTable Table(size_t most_peers, size_t most_books) const;

  // For Watch: everything visible as of one revision, in slices, while events go to `queue`.
  std::shared_ptr<SnapshotScan> StartScan(std::shared_ptr<EventQueue> queue);
  // The next slice of the snapshot, possibly empty; the last one ends with kSnapshotComplete.
  std::vector<EventPtr> ContinueScan(SnapshotScan& scan);
  void EndWatch(SnapshotScan& scan);

  // Frees some of what closed shelves still occupy; true when there is more to do at once.
  bool Reclaim();

 private:
  class Change;

  Applied ApplyLocked(const ShelfPtr& shelf, absl::Span<const StatementRecord> statements)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A statement of each kind, and its event; `book` is what the statement says.
  absl::Status StatePresentLocked(Shelf& shelf, const StatementRecord& statement,
                                  const BookToAdd& book) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status StateGoneLocked(Shelf& shelf, uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Lets those go first who wait.
  void GiveWayLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseLocked(const ShelfPtr& shelf) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ShowLocked(const ShelfPtr& shelf) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HideLocked(const ShelfPtr& shelf) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // LIMIT_EXCEEDED when it would be one book too many.
  absl::Status CheckRoomLocked(const Shelf& shelf, const StatementRecord& statement) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // INVALID_FIELD when the number already stands for another book.
  absl::Status CheckLocked(const Shelf& shelf, const StatementRecord& statement) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // The fold itself: true when a whole book was added just now, or the one that was removed just
  // now.
  bool PresentLocked(Shelf& shelf, const StatementRecord& statement, const BookToAdd& book)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<BookListing> GoneLocked(Shelf& shelf, uint64_t number)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveLocked(Shelf& shelf, uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BuryLocked(const PublicKey& key, NumberSet gone) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  NumberSet ExhumeLocked(const PublicKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishLocked(CatalogEvent event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishBookLocked(CatalogEvent::Kind kind, uint32_t peer_id, const BookListing& listing)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Snapshots that have not come by yet must not show a listing that comes, and must still show one
  // that leaves.
  void HideFromScansLocked(const Shelf& shelf, uint64_t number)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KeepForScansLocked(const Shelf& shelf, const BookListing& listing)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndScanLocked(SnapshotScan& scan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  BookListing ListingOfLocked(EditionId edition, uint64_t number) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // What the number stands for; nothing when it is not on the shelf.
  std::optional<BookListing> FindListingLocked(const Shelf& shelf, uint64_t number) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Puts some more of a shelf's books in order; nothing when the peer is not here.
  void OrderSome(uint32_t peer_id) const;

  std::optional<SearchKey> SearchByName(const BookName& name, bool loopback, size_t page_size,
                                        const std::optional<SearchKey>& after,
                                        SearchWriter& writer) const;
  // Offer what matches, in slices, so that nobody waits for long.
  void FindByContent(const ContentId& content, bool partial, bool loopback,
                     const std::optional<SearchKey>& after, BestKeys& best) const;
  // One slice, of names after `from`, which is moved on; true when there are no more.
  bool FindByContentLocked(const ContentId& content, bool partial, bool loopback, std::string& from,
                           BestKeys& best) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void FindByKeywords(const Keywords& keywords, bool loopback,
                      const std::optional<SearchKey>& after, BestKeys& best) const;
  size_t CountShownLocked(const BookTable& table, EditionId edition, bool loopback) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void OfferLocked(const BookTable& table, EditionId edition, bool loopback, BestKeys& best) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Who has the edition; how many, when those are too many to be told.
  using Holders = absl::InlinedVector<SearchWriter::Holder, 50>;
  uint32_t AddHoldersLocked(EditionId edition, bool loopback, Holders& holders) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void AddPartialHoldersLocked(EditionId edition, bool loopback, uint64_t seed,
                               Holders& holders) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const Options options_;
  mutable FairSharedMutex mutex_;
  BookTable books_ ABSL_GUARDED_BY(mutex_);
  BookTable parts_ ABSL_GUARDED_BY(mutex_);  // what is partial; without words, as none is searched
  ShelfSlots slots_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<uint32_t, ShelfPtr> by_id_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<PublicKey, ShelfPtr> by_key_ ABSL_GUARDED_BY(mutex_);
  std::deque<ShelfPtr> closed_ ABSL_GUARDED_BY(mutex_);
  // What is gone from peers that are not there, for when they come back; the oldest are forgotten,
  // and what is very large.
  struct Grave {
    NumberSet gone;
    uint64_t order = 0;
  };
  absl::flat_hash_map<PublicKey, Grave> buried_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<uint64_t, PublicKey> burials_ ABSL_GUARDED_BY(mutex_);  // by order
  uint64_t next_burial_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t buried_ranges_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<SnapshotScan*> scans_ ABSL_GUARDED_BY(mutex_);
  Events events_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_H_
