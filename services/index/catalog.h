// Who has which book, as far as the live peers have said it.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/index/book_table.h"
#include "services/index/events.h"
#include "services/index/fair_mutex.h"
#include "services/index/query.h"
#include "services/index/records.h"
#include "services/index/shelf.h"

namespace arkshare {

struct SnapshotScan;

// Where a search result stands among the others; the first is the best.
struct SearchKey {
  Fit fit;
  int unpopularity = 0;  // coarse, so that it seldom changes; always 0 for exact searches
  std::string name;
  ContentId content;

  auto operator<=>(const SearchKey&) const = default;
};

struct SearchPage {
  std::vector<SearchResult> results;
  std::optional<SearchKey> last;  // set when more may follow
};

// For people: the first peers with their first books.
struct CatalogTable {
  struct Row {
    PeerSummary peer;
    std::vector<std::string> first_books;
  };
  std::vector<Row> rows;
  size_t peer_count = 0;        // live ones
  size_t connection_count = 0;  // those of them whose stream stands
};

// A fold over what peers state: present(peer key, listing) and gone(peer key, number). Gone is
// final, so the order in which statements arrive does not matter. Thread-safe; no call holds the
// lock for longer than about a thousand listings take, so that a search never waits for a long
// write.
class Catalog {
 public:
  struct Options {
    uint64_t max_books_per_peer = 1'000'000;
    // Called after every change, from any thread and without any lock of the catalog's.
    std::function<void()> on_change;
  };
  using ShelfPtr = std::shared_ptr<Shelf>;

  explicit Catalog(Options options);
  ~Catalog();

  // A session begins: its books are hidden until it streams, and for ever when it is not
  // `reachable`. An earlier shelf of the key is closed; what is gone from it stays gone until
  // CompleteSnapshot.
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
  // work.
  void CompleteSnapshot(const ShelfPtr& shelf);
  // All changes in one step; repeating them changes nothing. A status for each.
  std::vector<absl::Status> UpdateOwner(const ShelfPtr& receiver,
                                        absl::Span<const OwnerChange> changes);

  // Results after `after`, in order. Holders with loopback addresses only when `loopback`.
  SearchPage Search(const BookQuery& query, bool loopback, size_t page_size,
                    const std::optional<SearchKey>& after) const;
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

  void CloseLocked(const ShelfPtr& shelf) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ShowLocked(const ShelfPtr& shelf) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HideLocked(const ShelfPtr& shelf) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // INVALID_FIELD when the number already stands for another book.
  absl::Status CheckLocked(const Shelf& shelf, const StatementRecord& statement) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The fold itself: true when the listing was added just now, or what was removed just now.
  bool PresentLocked(Shelf& shelf, const StatementRecord& statement)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<BookListing> GoneLocked(Shelf& shelf, uint64_t number)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveLocked(Shelf& shelf, uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BuryLocked(const PublicKey& key, NumberSet gone) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  NumberSet ExhumeLocked(const PublicKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishLocked(CatalogEvent event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishBookLocked(CatalogEvent::Kind kind, uint32_t peer_id, const BookListing& listing)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Snapshots that have not come by yet must still show a listing that leaves.
  void KeepForScansLocked(const Shelf& shelf, uint64_t number, const Shelf::Entry& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndScanLocked(SnapshotScan& scan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::vector<SearchKey> FindKeys(const BookQuery& query, bool loopback, size_t most,
                                  const std::optional<SearchKey>& after) const;

  const Options options_;
  mutable FairMutex mutex_;
  BookTable books_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<uint32_t, ShelfPtr> by_id_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<PublicKey, ShelfPtr> by_key_ ABSL_GUARDED_BY(mutex_);
  std::deque<ShelfPtr> closed_ ABSL_GUARDED_BY(mutex_);
  // What is gone from peers that are not there, for when they come back; the oldest are forgotten.
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

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_H_
