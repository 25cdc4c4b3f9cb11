#include "services/index/catalog/catalog.h"

#include <absl/container/inlined_vector.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <thread>

#include "lib/core/errors.h"
#include "services/index/catalog/watch.h"
#include "services/index/store/touch_ahead.h"

namespace arkshare {
namespace {

// How much of a closed shelf is freed under one lock.
constexpr size_t kReclaimSlice = 1'000;
// Ranges of tombstones kept for peers that are not there: tickets can name any number of them.
constexpr size_t kMostBuriedRanges = 100'000;
// Of one peer; whoever leaves more is forgotten himself, instead of all the others.
constexpr size_t kMostRangesOfAGrave = kMostBuriedRanges / 10;

// How many statements are made before those go first who wait.
constexpr size_t kStatementSlice = 32;
// And before the processor is left to others: who wakes up to search would otherwise wait for the
// rest of a time slice. On a busy machine that costs a time slice of everybody who wants to run.
constexpr size_t kStatementTurn = 4 * kStatementSlice;

BookToAdd BookOf(const StatementRecord& present) {
  return {present.present->name.value(), &present.present->content, &present.keys};
}

}  // namespace

// Holds the lock; its end tells everybody of the change, after the lock is given back.
class ABSL_SCOPED_LOCKABLE Catalog::Change {
 public:
  explicit Change(Catalog* catalog) ABSL_EXCLUSIVE_LOCK_FUNCTION(catalog->mutex_)
      : catalog_(catalog) {
    catalog_->mutex_.Lock();
  }
  ~Change() ABSL_UNLOCK_FUNCTION() {
    catalog_->mutex_.Unlock();
    catalog_->events_.WakeReaders();
    if (catalog_->options_.on_change) catalog_->options_.on_change();
  }

 private:
  Catalog* const catalog_;
};

Catalog::Catalog(Options options) : options_(std::move(options)), events_(options_.watch_pause) {}

Catalog::~Catalog() = default;

Catalog::ShelfPtr Catalog::Open(PeerInfo peer, bool reachable) {
  Change change(this);
  if (const auto earlier = by_key_.find(peer.key); earlier != by_key_.end()) {
    CloseLocked(ShelfPtr(earlier->second));
  }
  auto shelf = std::make_shared<Shelf>(std::move(peer), reachable);
  shelf->gone_earlier = ExhumeLocked(shelf->info.key);
  slots_.Add(*shelf);
  by_id_[shelf->info.peer_id] = shelf;
  by_key_[shelf->info.key] = shelf;
  return shelf;
}

void Catalog::SetStreaming(const ShelfPtr& shelf, bool streaming) {
  Change change(this);
  if (shelf->closed || shelf->streaming == streaming) return;
  if (streaming) {
    shelf->streaming = true;
    if (shelf->visible()) ShowLocked(shelf);
  } else {
    if (shelf->visible()) HideLocked(shelf);
    shelf->streaming = false;
  }
  slots_.Update(*shelf);
}

void Catalog::SetLoad(const ShelfPtr& shelf, uint32_t free_slots, uint64_t upload_limit) {
  {
    // Most heartbeats say nothing new.
    ReaderLock lock(&mutex_);
    if (shelf->info.free_slots == free_slots && shelf->info.upload_limit == upload_limit) return;
  }
  Change change(this);
  shelf->info.free_slots = free_slots;
  shelf->info.upload_limit = upload_limit;
  if (!shelf->closed) slots_.Update(*shelf);
  if (!shelf->visible()) return;
  CatalogEvent event;
  event.kind = CatalogEvent::Kind::kPeerListed;
  event.peer = shelf->Summary();
  PublishLocked(std::move(event));
}

void Catalog::Close(const ShelfPtr& shelf) {
  Change change(this);
  CloseLocked(shelf);
}

Catalog::Applied Catalog::Apply(const ShelfPtr& shelf,
                                absl::Span<const StatementRecord> statements) {
  if (statements.size() > kStatementSlice) TouchAhead();
  Change change(this);
  Applied applied = ApplyLocked(shelf, statements);
  books_.AddWords();
  return applied;
}

Catalog::Applied Catalog::ApplyLocked(const ShelfPtr& shelf,
                                      absl::Span<const StatementRecord> statements) {
  Applied applied;
  while (applied.count < statements.size()) {
    if (applied.count > 0) GiveWayLocked();
    if (applied.count % kStatementTurn == kStatementSlice) {
      mutex_.Unlock();
      std::this_thread::yield();
      mutex_.Lock();
    }
    const auto slice = statements.subspan(applied.count, kStatementSlice);
    absl::InlinedVector<BookToAdd, kStatementSlice> books;
    for (const StatementRecord& statement : slice) {
      if (statement.present.has_value()) books.push_back(BookOf(statement));
    }
    books_.Prefetch(books);
    const BookToAdd* next = books.data();
    for (const StatementRecord& statement : slice) {
      applied.status = statement.present.has_value()
                           ? StatePresentLocked(*shelf, statement, *next++)
                           : StateGoneLocked(*shelf, statement.number);
      if (!applied.status.ok()) return applied;
      ++applied.count;
    }
  }
  return applied;
}

absl::Status Catalog::StatePresentLocked(Shelf& shelf, const StatementRecord& statement,
                                         const BookToAdd& book) {
  absl::Status status = CheckRoomLocked(shelf, statement);
  if (status.ok()) status = CheckLocked(shelf, statement);
  if (!status.ok()) return status;
  if (PresentLocked(shelf, statement, book) && shelf.visible()) {
    PublishBookLocked(CatalogEvent::Kind::kBookListed, shelf.info.peer_id, *statement.present);
  }
  return absl::OkStatus();
}

absl::Status Catalog::CheckRoomLocked(const Shelf& shelf, const StatementRecord& statement) const {
  if (shelf.by_number.size() < options_.max_books_per_peer || statement.present->partial ||
      shelf.Has(statement.number) || shelf.IsGone(statement.number)) {
    return absl::OkStatus();
  }
  return MakeError(Reason::kLimitExceeded,
                   absl::StrCat("this index lists at most ", options_.max_books_per_peer,
                                " books of one peer: share fewer, or ask its operator for more"));
}

absl::Status Catalog::StateGoneLocked(Shelf& shelf, uint64_t number) {
  const std::optional<BookListing> removed = GoneLocked(shelf, number);
  if (removed.has_value() && shelf.visible()) {
    PublishBookLocked(CatalogEvent::Kind::kBookGone, shelf.info.peer_id, *removed);
  }
  if (shelf.gone.range_count() <= options_.max_books_per_peer) return absl::OkStatus();
  return MakeError(Reason::kLimitExceeded,
                   "too many listing numbers are gone that never were in sequence");
}

void Catalog::CompleteSnapshot(const ShelfPtr& shelf) {
  WriterLock lock(&mutex_);
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
    statuses.push_back(CheckLocked(*receiver, item.receiver));
    if (!statuses.back().ok()) continue;

    std::optional<BookEvent> old_book;
    if (const auto source = by_key_.find(item.source); source != by_key_.end()) {
      Shelf& shelf = *source->second;
      std::optional<BookListing> removed = GoneLocked(shelf, item.source_listing);
      // The key's owner has signed it, whoever is there under the key.
      if (!shelf.reachable) shelf.gone_earlier.Insert(item.source_listing);
      if (removed.has_value() && shelf.visible()) {
        old_book = BookEvent{shelf.info.peer_id, *std::move(removed)};
      }
    } else {
      NumberSet gone;
      gone.Insert(item.source_listing);
      BuryLocked(item.source, std::move(gone));
    }

    // The source has given the book away, whatever becomes of it here.
    statuses.back() = CheckRoomLocked(*receiver, item.receiver);
    const bool shown = statuses.back().ok() &&
                       PresentLocked(*receiver, item.receiver, BookOf(item.receiver)) &&
                       receiver->visible();
    if (!old_book.has_value() && !shown) continue;
    CatalogEvent event;
    event.kind = CatalogEvent::Kind::kBookGone;
    if (shown) {
      event.kind =
          old_book.has_value() ? CatalogEvent::Kind::kBookMoved : CatalogEvent::Kind::kBookListed;
      event.book = BookEvent{receiver->info.peer_id, *item.receiver.present};
      event.old_book = std::move(old_book);
    } else {
      event.book = std::move(old_book);
    }
    PublishLocked(std::move(event));
  }
  books_.AddWords();
  return statuses;
}

// The words of a slice are added together.
void Catalog::GiveWayLocked() {
  books_.AddWords();
  mutex_.GiveWay();
}

bool Catalog::Reclaim() {
  WriterLock lock(&mutex_);
  for (size_t tries = closed_.size(); tries > 0; --tries) {
    const ShelfPtr shelf = closed_.front();
    closed_.pop_front();
    if (shelf->pins > 0) {
      closed_.push_back(shelf);
      continue;
    }
    shelf->by_name.reset();
    for (size_t i = 0; i < kReclaimSlice && shelf->size() > 0; ++i) {
      if (i % kStatementSlice == kStatementSlice - 1) GiveWayLocked();
      RemoveLocked(*shelf, shelf->by_number.empty() ? shelf->parts.begin()->first
                                                    : shelf->by_number.begin()->first);
    }
    if (shelf->size() > 0) {
      closed_.push_front(shelf);
    } else {
      slots_.Remove(*shelf);
    }
    return !closed_.empty();
  }
  return false;
}

void Catalog::CloseLocked(const ShelfPtr& shelf) {
  if (shelf->closed) return;
  if (shelf->visible()) HideLocked(shelf);
  shelf->closed = true;
  slots_.Update(*shelf);
  // The id may already be another session's.
  if (const auto place = by_id_.find(shelf->info.peer_id);
      place != by_id_.end() && place->second == shelf) {
    by_id_.erase(place);
  }
  by_key_.erase(shelf->info.key);
  NumberSet gone = std::move(shelf->gone);
  // Who has not proven the key may have made up what he said.
  if (!shelf->reachable) gone.Clear();
  if (gone.range_count() < shelf->gone_earlier.range_count()) std::swap(gone, shelf->gone_earlier);
  gone.Merge(shelf->gone_earlier);
  shelf->gone_earlier.Clear();
  BuryLocked(shelf->info.key, std::move(gone));
  closed_.push_back(shelf);
}

void Catalog::ShowLocked(const ShelfPtr& shelf) {
  CatalogEvent event;
  event.kind = CatalogEvent::Kind::kPeerListed;
  event.peer = shelf->Summary();
  PublishLocked(std::move(event));
  if (events_.empty()) return;
  if (shelf->by_number.size() > kMostEventsBehind) {
    events_.CutOffAll();
    return;
  }
  for (const auto& [number, edition] : shelf->by_number) {
    PublishBookLocked(CatalogEvent::Kind::kBookListed, shelf->info.peer_id,
                      ListingOfLocked(edition, number));
  }
}

void Catalog::HideLocked(const ShelfPtr& shelf) {
  CatalogEvent event;
  event.kind = CatalogEvent::Kind::kPeerGone;
  event.peer_id = shelf->info.peer_id;
  PublishLocked(std::move(event));
}

absl::Status Catalog::CheckLocked(const Shelf& shelf, const StatementRecord& statement) const {
  if (!shelf.Has(statement.number)) return absl::OkStatus();
  if (FindListingLocked(shelf, statement.number) == statement.present) return absl::OkStatus();
  return MakeError(Reason::kInvalidField,
                   absl::StrCat("listing_number ", statement.number,
                                " already stands for another book: a number is never used twice"));
}

bool Catalog::PresentLocked(Shelf& shelf, const StatementRecord& statement, const BookToAdd& book) {
  const uint64_t number = statement.number;
  if (shelf.closed || shelf.IsGone(number) || shelf.Has(number)) return false;
  if (statement.present->partial) {
    // It only helps others; a peer must not be lost to them because of it.
    if (shelf.size() >= options_.max_books_per_peer) return false;
    BookToAdd part = book;
    part.by_words = false;
    shelf.parts[number] = parts_.Add(part, {shelf.slot, number});
    return false;
  }
  const EditionId edition = books_.Add(book, {shelf.slot, number});
  shelf.by_number.insert(shelf.by_number.end(), {number, edition});
  if (shelf.by_name.has_value() && number <= shelf.by_name->through()) {
    shelf.by_name->Insert(edition, number);
  }
  HideFromScansLocked(shelf, number);
  return true;
}

std::optional<BookListing> Catalog::GoneLocked(Shelf& shelf, uint64_t number) {
  if (shelf.closed) return std::nullopt;
  shelf.gone.Insert(number);
  const auto known = shelf.by_number.find(number);
  if (known == shelf.by_number.end()) {
    if (shelf.parts.contains(number)) RemoveLocked(shelf, number);
    return std::nullopt;
  }
  BookListing listing = ListingOfLocked(known->second, number);
  KeepForScansLocked(shelf, listing);
  RemoveLocked(shelf, number);
  return listing;
}

void Catalog::RemoveLocked(Shelf& shelf, uint64_t number) {
  if (const auto part = shelf.parts.find(number); part != shelf.parts.end()) {
    parts_.Remove(part->second, {shelf.slot, number});
    shelf.parts.erase(part);
    return;
  }
  const auto known = shelf.by_number.find(number);
  const EditionId edition = known->second;
  if (shelf.by_name.has_value() && number <= shelf.by_name->through()) {
    shelf.by_name->Erase(edition, number);
  }
  shelf.by_number.erase(known);
  books_.Remove(edition, {shelf.slot, number});
}

BookListing Catalog::ListingOfLocked(EditionId edition, uint64_t number) const {
  // What was a name when it came is one now.
  return {number, BookName::Parse(books_.NameOf(edition)).value(), books_.ContentOf(edition)};
}

std::optional<BookListing> Catalog::FindListingLocked(const Shelf& shelf, uint64_t number) const {
  if (const auto whole = shelf.by_number.find(number); whole != shelf.by_number.end()) {
    return ListingOfLocked(whole->second, number);
  }
  const auto part = shelf.parts.find(number);
  if (part == shelf.parts.end()) return std::nullopt;
  return BookListing{number, BookName::Parse(parts_.NameOf(part->second)).value(),
                     parts_.ContentOf(part->second), /*partial=*/true};
}

void Catalog::BuryLocked(const PublicKey& key, NumberSet gone) {
  gone.Merge(ExhumeLocked(key));
  if (gone.empty() || gone.range_count() > kMostRangesOfAGrave) return;
  const uint64_t order = next_burial_++;
  buried_ranges_ += gone.range_count();
  buried_[key] = {std::move(gone), order};
  burials_[order] = key;
  while (buried_ranges_ > kMostBuriedRanges) ExhumeLocked(PublicKey(burials_.begin()->second));
}

NumberSet Catalog::ExhumeLocked(const PublicKey& key) {
  const auto grave = buried_.find(key);
  if (grave == buried_.end()) return {};
  NumberSet gone = std::move(grave->second.gone);
  buried_ranges_ -= gone.range_count();
  burials_.erase(grave->second.order);
  buried_.erase(grave);
  return gone;
}

void Catalog::PublishLocked(CatalogEvent event) {
  event.revision = ++revision_;
  events_.Publish(std::move(event));
}

void Catalog::PublishBookLocked(CatalogEvent::Kind kind, uint32_t peer_id,
                                const BookListing& listing) {
  if (events_.empty()) {
    ++revision_;
    return;
  }
  CatalogEvent event;
  event.kind = kind;
  event.book = BookEvent{peer_id, listing};
  PublishLocked(std::move(event));
}

}  // namespace arkshare
