// Which peer has which book, as far as the live peers have stated it.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "services/index/catalog/book_changes.h"
#include "services/index/catalog/catalog_lists.h"
#include "services/index/catalog/catalog_search.h"
#include "services/index/catalog/catalog_stated.h"
#include "services/index/catalog/events.h"
#include "services/index/catalog/graveyard.h"
#include "services/index/catalog/publisher.h"
#include "services/index/catalog/records.h"
#include "services/index/catalog/search_writer.h"
#include "services/index/catalog/shelf.h"
#include "services/index/catalog/shelves.h"
#include "services/index/catalog/snapshot_scans.h"
#include "services/index/catalog/tables.h"
#include "services/index/search/best_keys.h"
#include "services/index/search/query.h"
#include "services/index/store/number_set.h"

namespace arkshare {

// A fold over what peers state (Holdings), with the shelves of all live peers, what is gone from
// absent ones (Graveyard), and the events that watchers read. It changes the tables (BookChanges);
// CatalogSearch, CatalogLists and CatalogStated read them. Partial listings appear in Search only:
// nothing else counts or shows them, and they cause no events.
//
// Thread-safe. Readers share the lock. A writer gives way to waiting readers every few dozen
// listings, and a reader that has much to visit gives the lock back and goes on where it was, so
// neither waits for the whole work of the other.
//
// Order of locks: Tables::mutex, then Events::mutex_ or EventQueue::mutex_. Sessions calls the
// catalog with Sessions::mutex_ or AnnouncedShelf::applying_ held. After a change, with
// Tables::mutex given back, the catalog wakes watchers and calls `on_change`; see Events.
class Catalog {
 public:
  struct Options {
    // Partial books get the room that whole ones leave.
    uint64_t max_books_per_peer = 1'000'000;
    // The memory for the books of all peers; see Holdings.
    uint64_t max_bytes = std::numeric_limits<uint64_t>::max();
    // Called after every change, from any thread and without any lock of the catalog.
    std::function<void()> on_change;
    // Watchers learn together of the changes within this time; see Events.
    absl::Duration watch_pause = absl::ZeroDuration();
    // When events happened.
    const Clock* clock = Clock::Real();
    // The contents come from a log that the replicas of the index share: see the Join methods.
    bool shared = false;
  };
  using ShelfPtr = arkshare::ShelfPtr;

  explicit Catalog(Options options);
  ~Catalog();

  // Begins a session. Its books are hidden until it streams, and always when it is not `reachable`.
  // An earlier shelf of the key is closed; its tombstones hold until CompleteSnapshot. A session
  // that is not reachable has not proven its key: nothing that it states is stored.
  ShelfPtr Open(PeerInfo peer, bool reachable);
  // The session's stream has opened, or has ended. Shows or hides all its books in one step.
  void SetStreaming(const ShelfPtr& shelf, bool streaming) {
    ChangeVisibility(shelf, &Shelf::streaming, streaming);
  }
  // The peer of a reachable session answers the index no longer, or again. Hides or shows all its
  // books in one step.
  void SetAnswering(const ShelfPtr& shelf, bool answering) {
    ChangeVisibility(shelf, &Shelf::answering, answering);
  }
  void SetLoad(const ShelfPtr& shelf, uint32_t free_slots, uint64_t upload_limit);
  // Sets PeerInfo::local_address and network.
  void SetPlace(const ShelfPtr& shelf, const std::string& local_address,
                const std::string& network);
  // Ends the session: everything on the shelf vanishes in one step. Idempotent.
  void Close(const ShelfPtr& shelf);

  struct Applied {
    size_t count = 0;     // statements that were applied, from the first
    absl::Status status;  // why the next one was not: LIMIT_EXCEEDED, INVALID_FIELD
  };
  // Requires at most 1,000 statements.
  Applied Apply(const ShelfPtr& shelf, absl::Span<const StatementRecord> statements);
  // The owner has stated its whole folder. If the session is reachable, this drops the tombstones
  // from before the session, which are no longer needed.
  void CompleteSnapshot(const ShelfPtr& shelf);
  // Makes each change in one step; a change that is repeated does nothing. Returns a status for
  // each change; fewer when the receiver's shelf is closed: the rest were not made.
  std::vector<absl::Status> UpdateOwner(const ShelfPtr& receiver,
                                        absl::Span<const OwnerChange> changes);

  // --- For the fold of a log that replicas share (Options::shared). The fold refuses nothing, so
  // that it is the same at all of them: statements are joined. A number that is gone stays gone,
  // and a number that is stated for two books is gone. Tombstones of absent peers are the caller's.

  // From now on, changes have this revision, until the next call of one of the two.
  void BeginStep(uint64_t revision);
  // The same for changes that make everything that of `revision`, from whatever it was.
  void BeginLoad(uint64_t revision);
  // The log is another one now: ends all watches.
  void EndWatches();
  // The same as the other Open, with the tombstones from before the session.
  ShelfPtr Open(PeerInfo peer, bool reachable, NumberSet gone);
  void Join(const ShelfPtr& shelf, absl::Span<const StatementRecord> statements);
  // A book that was received. `receiver` is null when the receiver could not list it.
  struct Received {
    PublicKey source;
    uint64_t source_listing = 0;
    const StatementRecord* receiver = nullptr;
  };
  // Makes each move in one step.
  void JoinMoves(const ShelfPtr& receiver, absl::Span<const Received> moves);
  // Numbers are gone, whether they were known or not.
  void JoinGone(const ShelfPtr& shelf, absl::Span<const NumberRange> numbers);
  // The same for the peer's shelf, if it has one.
  void JoinGone(const PublicKey& peer, absl::Span<const NumberRange> numbers);
  // See CatalogStated.
  using Checked = CatalogStated::Checked;
  using Stated = CatalogStated::Stated;
  Checked Check(const ShelfPtr& shelf, absl::Span<const StatementRecord> statements) const {
    return stated_.Check(shelf, statements);
  }
  std::vector<absl::Status> CheckReceived(const ShelfPtr& shelf,
                                          absl::Span<const OwnerChange> changes) const {
    return stated_.CheckReceived(shelf, changes);
  }
  Stated StatedOf(const ShelfPtr& shelf, absl::Span<const NumberRange> numbers) const {
    return stated_.StatedOf(shelf, numbers);
  }
  size_t CountStated(const ShelfPtr& shelf, absl::Span<const NumberRange> numbers) const {
    return stated_.CountStated(shelf, numbers);
  }
  size_t CountStated(const ShelfPtr& shelf) const { return stated_.CountStated(shelf); }
  uint64_t LargestPresent(const ShelfPtr& shelf) const { return stated_.LargestPresent(shelf); }

  // Adds a page of results after `after` to `writer`, in order, and returns the last one's key when
  // more may follow. Names holders with loopback addresses only when `loopback`. When
  // `partial_seed` is set, a query by content also finds holders of a part; the seed chooses among
  // many of them. Ends early when the budget is over, which then says so: with the best results
  // that were found until then, for a name with a key after which the next page goes on.
  std::optional<SearchKey> Search(const BookQuery& query, bool loopback, size_t page_size,
                                  const std::optional<SearchKey>& after,
                                  std::optional<uint64_t> partial_seed, SearchWriter& writer,
                                  SearchBudget& budget) const;
  // The same, however much it costs.
  std::optional<SearchKey> Search(const BookQuery& query, bool loopback, size_t page_size,
                                  const std::optional<SearchKey>& after,
                                  std::optional<uint64_t> partial_seed, SearchWriter& writer) const;
  // See CatalogLists.
  std::vector<PeerSummary> ListPeers(uint32_t after, size_t most) const {
    return lists_.ListPeers(after, most);
  }
  std::vector<PeerSummary> ListPeersOf(const std::string& network, uint32_t after,
                                       size_t most) const {
    return lists_.ListPeersOf(network, after, most);
  }
  std::optional<PeerSummary> FindPeer(uint32_t peer_id) const { return lists_.FindPeer(peer_id); }
  std::optional<PeerSummary> FindPeer(const PublicKey& key) const { return lists_.FindPeer(key); }
  absl::StatusOr<std::vector<BookListing>> ListBooks(uint32_t peer_id,
                                                     const std::pair<std::string, uint64_t>& after,
                                                     size_t most) const {
    return lists_.ListBooks(peer_id, after, most);
  }
  CatalogTable Table(size_t most_peers, size_t most_books) const {
    return lists_.Table(most_peers, most_books);
  }

  // For Watch. Begins to read everything that is visible as of one revision; later events go to
  // `queue`.
  std::shared_ptr<SnapshotScan> StartScan(std::shared_ptr<EventQueue> queue);
  // Returns the next slice of what the queue's filter wants, possibly empty; the last one ends with
  // kSnapshotComplete.
  std::vector<EventPtr> ContinueScan(SnapshotScan& scan) const;
  // Ends the snapshot and the events.
  void EndScan(SnapshotScan& scan);
  // Goes on without a snapshot, see Events::Resume.
  std::optional<std::vector<EventPtr>> Resume(std::shared_ptr<EventQueue> queue, uint64_t from);
  void EndResumed(const EventQueue& queue);

  // Returns how many whole books a new session can have at least, if their names are of common
  // length.
  uint64_t RoomInBooks() const;

  // Frees some of what closed shelves still occupy. Returns whether there is more to do at once.
  bool Reclaim();

 private:
  class Change;

  // `gone`: nullopt for what is in the graveyard, once an earlier shelf is closed.
  ShelfPtr OpenLocked(PeerInfo peer, bool reachable, std::optional<NumberSet> gone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(tables_.mutex);
  void ChangeVisibility(const ShelfPtr& shelf, bool Shelf::*flag, bool value);
  Applied ApplyLocked(const ShelfPtr& shelf, absl::Span<const StatementRecord> statements)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(tables_.mutex);
  // The source's half of a move. Returns the source's book if it was visible.
  std::optional<BookEvent> TakeFromSourceLocked(const OwnerChange& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(tables_.mutex);
  void JoinGoneLocked(Shelf& shelf, absl::Span<const NumberRange> numbers)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(tables_.mutex);
  // Lets the threads that wait for the lock go first.
  void GiveWayLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(tables_.mutex);
  void CloseLocked(const ShelfPtr& shelf) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tables_.mutex);

  const bool shared_;
  const std::function<void()> on_change_;
  Tables tables_;
  const CatalogSearch search_{&tables_};
  const CatalogLists lists_{&tables_};
  const CatalogStated stated_{&tables_};
  std::deque<ShelfPtr> closed_ ABSL_GUARDED_BY(tables_.mutex);  // for Reclaim
  Graveyard graveyard_ ABSL_GUARDED_BY(tables_.mutex);
  SnapshotScans scans_ ABSL_GUARDED_BY(tables_.mutex);
  Events events_;
  Publisher publisher_ ABSL_GUARDED_BY(tables_.mutex){&events_};
  BookChanges changes_ ABSL_GUARDED_BY(tables_.mutex){&tables_.holdings, &scans_, &publisher_};
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_H_
