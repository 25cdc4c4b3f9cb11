#include "services/index/catalog/catalog.h"

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <thread>

#include "services/index/catalog/find_few.h"

namespace arkshare {
namespace {

// Statements after which the writer gives way to the threads that wait for the lock.
constexpr size_t kStatementSlice = 32;
// Books of a closed shelf that are freed under one lock.
constexpr size_t kReclaimSlice = 1'000;
// Statements after which the writer also gives up the processor: a thread that wakes up to search
// would otherwise wait for the rest of the writer's time slice. Rarer, because on a busy machine a
// pause costs a time slice of every thread that wants to run.
constexpr size_t kStatementTurn = 4 * kStatementSlice;

}  // namespace

// Holds the lock. Its end gives the lock back, then tells watchers and `on_change` of the change.
class ABSL_SCOPED_LOCKABLE Catalog::Change {
 public:
  explicit Change(Catalog* catalog) ABSL_EXCLUSIVE_LOCK_FUNCTION(catalog->tables_.mutex)
      : catalog_(catalog) {
    catalog_->tables_.mutex.Lock();
  }
  ~Change() ABSL_UNLOCK_FUNCTION() {
    catalog_->tables_.mutex.Unlock();
    catalog_->events_.WakeReaders();
    if (catalog_->on_change_) catalog_->on_change_();
  }

 private:
  Catalog* const catalog_;
};

Catalog::Catalog(Options options)
    : shared_(options.shared),
      on_change_(std::move(options.on_change)),
      tables_(options.max_books_per_peer, options.max_bytes),
      events_(options.clock, options.watch_pause) {}

Catalog::~Catalog() = default;

ShelfPtr Catalog::Open(PeerInfo peer, bool reachable) {
  Change change(this);
  return OpenLocked(std::move(peer), reachable, std::nullopt);
}

ShelfPtr Catalog::OpenLocked(PeerInfo peer, bool reachable, std::optional<NumberSet> gone) {
  uint64_t largest = 0;
  if (const ShelfPtr earlier = tables_.shelves.Find(peer.key); earlier != nullptr) {
    // A session that has not proven its key may have invented its numbers.
    if (earlier->reachable) largest = earlier->LargestPresent();
    CloseLocked(earlier);
  }
  auto shelf = std::make_shared<Shelf>(std::move(peer), reachable);
  shelf->gone_earlier = gone.has_value() ? *std::move(gone) : graveyard_.Exhume(shelf->info.key);
  shelf->largest_earlier = std::max(largest, shelf->gone_earlier.Largest());
  tables_.slots.Add(*shelf);
  tables_.shelves.Add(shelf);
  return shelf;
}

void Catalog::ChangeVisibility(const ShelfPtr& shelf, bool Shelf::*flag, bool value) {
  Change change(this);
  if (shelf->closed || (*shelf).*flag == value) return;
  const bool was_visible = shelf->visible();
  (*shelf).*flag = value;
  if (was_visible && !shelf->visible()) publisher_.PublishPeerGone(*shelf);
  if (!was_visible && shelf->visible()) {
    publisher_.PublishPeerListed(*shelf);
    publisher_.PublishBooksOf(*shelf, tables_.holdings);
  }
  tables_.slots.Update(*shelf);
}

void Catalog::SetLoad(const ShelfPtr& shelf, uint32_t free_slots, uint64_t upload_limit) {
  {
    // Most heartbeats change nothing.
    ReaderLock lock(&tables_.mutex);
    if (shelf->info.free_slots == free_slots && shelf->info.upload_limit == upload_limit) return;
  }
  Change change(this);
  shelf->info.free_slots = free_slots;
  shelf->info.upload_limit = upload_limit;
  if (!shelf->closed) tables_.slots.Update(*shelf);
  if (shelf->visible()) publisher_.PublishPeerListed(*shelf);
}

void Catalog::SetPlace(const ShelfPtr& shelf, const std::string& local_address,
                       const std::string& network) {
  {
    ReaderLock lock(&tables_.mutex);
    if (shelf->info.local_address == local_address && shelf->info.network == network) return;
  }
  Change change(this);
  shelf->info.local_address = local_address;
  shelf->info.network = network;
}

void Catalog::Close(const ShelfPtr& shelf) {
  Change change(this);
  CloseLocked(shelf);
}

void Catalog::CloseLocked(const ShelfPtr& shelf) {
  if (shelf->closed) return;
  if (shelf->visible()) publisher_.PublishPeerGone(*shelf);
  tables_.holdings.Close(*shelf);
  tables_.slots.Update(*shelf);
  tables_.shelves.Remove(shelf);
  // Tombstones that are too many for a grave are left on the shelf, to be freed in slices.
  if (!shared_ && shelf->gone.range_count() <= Graveyard::kMaxRangesOfGrave) {
    graveyard_.Bury(shelf->info.key, std::exchange(shelf->gone_earlier, NumberSet()));
    graveyard_.Bury(shelf->info.key, tables_.holdings.TakeGone(*shelf));
  }
  closed_.push_back(shelf);
}

Catalog::Applied Catalog::Apply(const ShelfPtr& shelf,
                                absl::Span<const StatementRecord> statements) {
  Change change(this);
  Applied applied = ApplyLocked(shelf, statements);
  tables_.holdings.AddWords();
  return applied;
}

Catalog::Applied Catalog::ApplyLocked(const ShelfPtr& shelf,
                                      absl::Span<const StatementRecord> statements) {
  Applied applied;
  if (!shelf->reachable) {
    // A session that has not proven its key is never listed, and may have invented everything.
    applied.count = statements.size();
    return applied;
  }
  while (applied.count < statements.size()) {
    if (applied.count > 0) GiveWayLocked();
    if (applied.count % kStatementTurn == kStatementSlice) {
      tables_.mutex.Unlock();
      std::this_thread::yield();
      tables_.mutex.Lock();
    }
    const auto slice = statements.subspan(applied.count, kStatementSlice);
    absl::InlinedVector<BookToAdd, kStatementSlice> books;
    for (const StatementRecord& statement : slice) {
      if (statement.present.has_value()) books.push_back(BookOf(statement));
    }
    tables_.holdings.Prefetch(books);
    const BookToAdd* next = books.data();
    for (const StatementRecord& statement : slice) {
      applied.status = statement.present.has_value()
                           ? changes_.StatePresent(*shelf, statement, *next++)
                           : changes_.StateGone(*shelf, statement.number);
      if (!applied.status.ok()) return applied;
      ++applied.count;
    }
  }
  return applied;
}

void Catalog::CompleteSnapshot(const ShelfPtr& shelf) {
  WriterLock lock(&tables_.mutex);
  if (shelf->reachable) shelf->gone_earlier.Clear();
}

std::vector<absl::Status> Catalog::UpdateOwner(const ShelfPtr& receiver,
                                               absl::Span<const OwnerChange> changes) {
  Change change(this);
  std::vector<absl::Status> statuses;
  statuses.reserve(changes.size());
  for (const OwnerChange& item : changes) {
    if (statuses.size() % kStatementSlice == kStatementSlice - 1) GiveWayLocked();
    if (receiver->closed) break;
    statuses.push_back(tables_.holdings.CheckNumber(*receiver, item.receiver));
    if (!statuses.back().ok()) continue;
    // The source has given the book away, whether or not the receiver can list it.
    std::optional<BookEvent> old_book = TakeFromSourceLocked(item);
    statuses.back() = tables_.holdings.CheckRoom(*receiver, item.receiver);
    std::optional<BookEvent> book;
    if (statuses.back().ok()) {
      book = changes_.GiveTo(*receiver, item.receiver, Holdings::Limits::kHeld);
    }
    publisher_.PublishMove(std::move(old_book), std::move(book));
  }
  tables_.holdings.AddWords();
  return statuses;
}

std::optional<BookEvent> Catalog::TakeFromSourceLocked(const OwnerChange& change) {
  const ShelfPtr source = tables_.shelves.Find(change.source);
  if (source == nullptr) {
    graveyard_.Bury(change.source, change.source_listing);
    return std::nullopt;
  }
  Shelf& shelf = *source;
  if (!shelf.reachable) {
    // The owner of the key has signed the move, even if this session has not proven the key.
    shelf.gone_earlier.Insert(change.source_listing);
    if (shelf.gone_earlier.range_count() > Graveyard::kMaxRangesOfGrave) shelf.gone_earlier.Clear();
    return std::nullopt;
  }
  return changes_.TakeFrom(shelf, change.source_listing, Holdings::Limits::kHeld);
}

void Catalog::GiveWayLocked() {
  // The words of a slice are added together, while their keys are there.
  tables_.holdings.AddWords();
  tables_.mutex.GiveWay();
}

// --- the fold of a log that replicas share

void Catalog::BeginStep(uint64_t revision) {
  WriterLock lock(&tables_.mutex);
  publisher_.BeginStep(revision);
}

void Catalog::BeginLoad(uint64_t revision) {
  WriterLock lock(&tables_.mutex);
  publisher_.BeginLoad(revision);
}

void Catalog::EndWatches() {
  const Change change(this);
  events_.CutOffAll();
}

ShelfPtr Catalog::Open(PeerInfo peer, bool reachable, NumberSet gone) {
  const Change change(this);
  return OpenLocked(std::move(peer), reachable, std::move(gone));
}

void Catalog::Join(const ShelfPtr& shelf, absl::Span<const StatementRecord> statements) {
  const Change change(this);
  if (!shelf->reachable) return;
  size_t count = 0;
  for (const StatementRecord& statement : statements) {
    if (++count % kStatementSlice == 0) GiveWayLocked();
    changes_.Join(*shelf, statement);
  }
  tables_.holdings.AddWords();
}

void Catalog::JoinMoves(const ShelfPtr& receiver, absl::Span<const Received> moves) {
  const Change change(this);
  size_t count = 0;
  for (const Received& move : moves) {
    if (++count % kStatementSlice == 0) GiveWayLocked();
    std::optional<BookEvent> old_book;
    if (const ShelfPtr source = tables_.shelves.Find(move.source); source != nullptr) {
      old_book = changes_.TakeFrom(*source, move.source_listing, Holdings::Limits::kIgnored);
    }
    std::optional<BookEvent> book;
    if (move.receiver != nullptr) {
      book = changes_.GiveTo(*receiver, *move.receiver, Holdings::Limits::kIgnored);
    }
    publisher_.PublishMove(std::move(old_book), std::move(book));
  }
  tables_.holdings.AddWords();
}

void Catalog::JoinGone(const ShelfPtr& shelf, absl::Span<const NumberRange> numbers) {
  const Change change(this);
  JoinGoneLocked(*shelf, numbers);
}

void Catalog::JoinGone(const PublicKey& peer, absl::Span<const NumberRange> numbers) {
  const Change change(this);
  if (const ShelfPtr shelf = tables_.shelves.Find(peer)) JoinGoneLocked(*shelf, numbers);
}

// A range can be as long as all that a peer has ever stated, so only its books are visited.
void Catalog::JoinGoneLocked(Shelf& shelf, absl::Span<const NumberRange> numbers) {
  size_t count = 0;
  for (const NumberRange& range : numbers) {
    for (const auto* books : {&shelf.by_number, &shelf.parts}) {
      while (true) {
        const auto book = books->lower_bound(range.first);
        if (book == books->end() || book->first > range.last) break;
        changes_.StateGone(shelf, book->first).IgnoreError();
        if (++count % kStatementSlice == 0) GiveWayLocked();
      }
    }
    tables_.holdings.MarkGone(shelf, range);
  }
}

// --- searches and watches

std::optional<SearchKey> Catalog::Search(const BookQuery& query, bool loopback, size_t page_size,
                                         const std::optional<SearchKey>& after,
                                         std::optional<uint64_t> partial_seed, SearchWriter& writer,
                                         SearchBudget& budget) const {
  return search_.Search(query, loopback, page_size, after, partial_seed, writer, budget);
}

std::optional<SearchKey> Catalog::Search(const BookQuery& query, bool loopback, size_t page_size,
                                         const std::optional<SearchKey>& after,
                                         std::optional<uint64_t> partial_seed,
                                         SearchWriter& writer) const {
  SearchBudget budget = SearchBudget::Unlimited();
  return search_.Search(query, loopback, page_size, after, partial_seed, writer, budget);
}

std::shared_ptr<SnapshotScan> Catalog::StartScan(std::shared_ptr<EventQueue> queue) {
  const WatchParts parts = queue->parts();
  if (!parts.snapshot || !parts.books) {
    ReaderLock lock(&tables_.mutex);
    // As below: no event comes while the lock is held.
    events_.Add(queue, publisher_.revision());
    static const SnapshotScans::Shelves kNone;
    return SnapshotScans::StartFound(std::move(queue), publisher_.revision(),
                                     parts.snapshot ? tables_.shelves.by_id() : kNone, {});
  }
  if (queue->filter().has_value()) {
    ReaderLock lock(&tables_.mutex);
    if (std::optional<std::vector<FoundBook>> found = FindFew(*queue->filter(), tables_)) {
      // The events after the revision go to the queue, because none comes while the lock is held.
      events_.Add(queue, publisher_.revision());
      return SnapshotScans::StartFound(std::move(queue), publisher_.revision(),
                                       tables_.shelves.by_id(), *std::move(found));
    }
  }
  WriterLock lock(&tables_.mutex);
  events_.Add(queue, publisher_.revision());
  return scans_.Start(std::move(queue), publisher_.revision(), tables_.shelves.by_id());
}

std::vector<EventPtr> Catalog::ContinueScan(SnapshotScan& scan) const {
  std::vector<EventPtr> events;
  {
    ReaderLock lock(&tables_.mutex);
    events = SnapshotScans::Continue(scan, tables_.holdings);
  }
  if (scan.queue->filter().has_value() || !scan.queue->parts().peers) {
    std::erase_if(events, [&](const EventPtr& event) { return !scan.queue->Wants(*event); });
  }
  return events;
}

void Catalog::EndScan(SnapshotScan& scan) {
  events_.Remove(scan.queue.get());
  WriterLock lock(&tables_.mutex);
  scans_.End(scan);
}

std::optional<std::vector<EventPtr>> Catalog::Resume(std::shared_ptr<EventQueue> queue,
                                                     uint64_t from) {
  // No event comes while the lock is held.
  ReaderLock lock(&tables_.mutex);
  if (from > publisher_.revision()) return std::nullopt;
  return events_.Resume(std::move(queue), from);
}

void Catalog::EndResumed(const EventQueue& queue) { events_.Remove(&queue); }

uint64_t Catalog::RoomInBooks() const {
  ReaderLock lock(&tables_.mutex);
  return tables_.holdings.RoomInBooks();
}

bool Catalog::Reclaim() {
  WriterLock lock(&tables_.mutex);
  for (size_t tries = closed_.size(); tries > 0; --tries) {
    const ShelfPtr shelf = closed_.front();
    closed_.pop_front();
    if (shelf->pins > 0) {
      closed_.push_back(shelf);
      continue;
    }
    shelf->by_name.reset();
    for (size_t i = 0; i < kReclaimSlice && !Holdings::IsEmpty(*shelf); i += kStatementSlice) {
      if (i > 0) GiveWayLocked();
      tables_.holdings.RemoveSome(*shelf, kStatementSlice);
    }
    if (!Holdings::IsEmpty(*shelf)) {
      closed_.push_front(shelf);
    } else {
      scans_.DropLog(*shelf);
      tables_.slots.Remove(*shelf);
    }
    return !closed_.empty();
  }
  return false;
}

}  // namespace arkshare
