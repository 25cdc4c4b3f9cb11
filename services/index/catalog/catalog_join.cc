// Catalog as the fold of a log that replicas share.
#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>
#include <absl/strings/str_cat.h>

#include <optional>
#include <utility>

#include "lib/core/errors.h"
#include "services/index/catalog/catalog.h"
#include "services/index/catalog/catalog_change.h"

namespace arkshare {
namespace {

// Calls present(number) for each book of the shelf that has one of the numbers, and gone(run) for
// each run of numbers that are gone.
void VisitStated(const Shelf& shelf, absl::Span<const NumberRange> numbers,
                 absl::FunctionRef<void(uint64_t)> present,
                 absl::FunctionRef<void(const NumberRange&)> gone) {
  NumberSet runs;
  for (const NumberRange& range : numbers) {
    for (const auto* books : {&shelf.by_number, &shelf.parts}) {
      for (auto book = books->lower_bound(range.first);
           book != books->end() && book->first <= range.last; ++book) {
        present(book->first);
      }
    }
    for (const NumberSet* set : {&shelf.gone, &shelf.gone_earlier}) {
      set->Visit(range, [&](const NumberRange& run) { runs.Insert(run); });
    }
  }
  for (const NumberRange& run : runs.Runs()) gone(run);
}

}  // namespace

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

bool Catalog::JoinPresentLocked(Shelf& shelf, const StatementRecord& statement) {
  if (tables_.holdings.CheckNumber(shelf, statement).ok()) {
    const bool added =
        tables_.holdings.Present(shelf, statement, BookOf(statement), Holdings::Limits::kIgnored);
    if (added) scans_.Added(shelf, statement.number);
    return added;
  }
  // The same in any order: whichever of the two books comes first, the number is gone at last.
  StateGoneLocked(shelf, statement.number).IgnoreError();
  return false;
}

void Catalog::Join(const ShelfPtr& shelf, absl::Span<const StatementRecord> statements) {
  const Change change(this);
  if (!shelf->reachable) return;
  size_t count = 0;
  for (const StatementRecord& statement : statements) {
    if (++count % kStatementSlice == 0) GiveWayLocked();
    if (!statement.present.has_value()) {
      StateGoneLocked(*shelf, statement.number).IgnoreError();
    } else if (JoinPresentLocked(*shelf, statement) && shelf->visible()) {
      publisher_.PublishBook(CatalogEvent::Kind::kBookListed, shelf->info.peer_id,
                             *statement.present);
    }
  }
  tables_.holdings.AddWords();
}

void Catalog::JoinMoves(const ShelfPtr& receiver, absl::Span<const Received> moves) {
  const Change change(this);
  size_t count = 0;
  for (const Received& move : moves) {
    if (++count % kStatementSlice == 0) GiveWayLocked();
    std::optional<BookEvent> old_book;
    if (const ShelfPtr source = shelves_.Find(move.source); source != nullptr) {
      std::optional<BookListing> removed = GoneLocked(*source, move.source_listing);
      if (removed.has_value() && source->visible()) {
        old_book = BookEvent{source->info.peer_id, *std::move(removed)};
      }
    }
    const bool shown = move.receiver != nullptr && receiver->reachable &&
                       JoinPresentLocked(*receiver, *move.receiver) && receiver->visible();
    publisher_.PublishMove(
        std::move(old_book),
        shown ? std::optional(BookEvent{receiver->info.peer_id, *move.receiver->present})
              : std::nullopt);
  }
  tables_.holdings.AddWords();
}

void Catalog::JoinGone(const ShelfPtr& shelf, absl::Span<const NumberRange> numbers) {
  const Change change(this);
  JoinGoneLocked(*shelf, numbers);
}

void Catalog::JoinGone(const PublicKey& peer, absl::Span<const NumberRange> numbers) {
  const Change change(this);
  if (const ShelfPtr shelf = shelves_.Find(peer)) JoinGoneLocked(*shelf, numbers);
}

// A range can be as long as all that a peer has ever stated, so only its books are visited.
void Catalog::JoinGoneLocked(Shelf& shelf, absl::Span<const NumberRange> numbers) {
  size_t count = 0;
  for (const NumberRange& range : numbers) {
    for (const auto* books : {&shelf.by_number, &shelf.parts}) {
      while (true) {
        const auto book = books->lower_bound(range.first);
        if (book == books->end() || book->first > range.last) break;
        StateGoneLocked(shelf, book->first).IgnoreError();
        if (++count % kStatementSlice == 0) GiveWayLocked();
      }
    }
    tables_.holdings.MarkGone(shelf, range);
  }
}

Catalog::Checked Catalog::Check(const ShelfPtr& shelf,
                                absl::Span<const StatementRecord> statements) const {
  Checked applied;
  ReaderLock lock(&tables_.mutex);
  absl::flat_hash_map<uint64_t, const StatementRecord*> more;
  for (const StatementRecord& statement : statements) {
    if (!statement.present.has_value()) {
      applied.status = tables_.holdings.CheckGone(*shelf);
    } else {
      const auto [known, added] = more.try_emplace(statement.number, &statement);
      applied.status = known->second->present == statement.present
                           ? tables_.holdings.CheckRoom(*shelf, statement, more.size() - 1)
                           : Holdings::NumberUsedTwice(statement.number);
      if (applied.status.ok()) {
        applied.status = tables_.holdings.CheckNumber(*shelf, statement);
      }
    }
    if (!applied.status.ok()) break;
    // A number that the shelf has belongs to the same book.
    if (shelf->IsGone(statement.number) ||
        (statement.present.has_value() && shelf->Has(statement.number))) {
      applied.known.push_back(applied.count);
    }
    ++applied.count;
  }
  return applied;
}

std::vector<absl::Status> Catalog::CheckReceived(const ShelfPtr& shelf,
                                                 absl::Span<const OwnerChange> changes) const {
  std::vector<absl::Status> statuses;
  ReaderLock lock(&tables_.mutex);
  for (const OwnerChange& change : changes) {
    statuses.push_back(tables_.holdings.CheckNumber(*shelf, change.receiver));
    if (statuses.back().ok()) {
      statuses.back() = tables_.holdings.CheckRoom(*shelf, change.receiver, statuses.size() - 1);
    }
  }
  return statuses;
}

Catalog::Stated Catalog::StatedOf(const ShelfPtr& shelf,
                                  absl::Span<const NumberRange> numbers) const {
  Stated stated;
  ReaderLock lock(&tables_.mutex);
  VisitStated(
      *shelf, numbers,
      [&](uint64_t number) ABSL_SHARED_LOCKS_REQUIRED(tables_.mutex) {
        stated.present.push_back(*tables_.holdings.FindListing(*shelf, number));
      },
      [&](const NumberRange& run) { stated.gone.push_back(run); });
  return stated;
}

size_t Catalog::CountStated(const ShelfPtr& shelf, absl::Span<const NumberRange> numbers) const {
  size_t count = 0;
  ReaderLock lock(&tables_.mutex);
  VisitStated(
      *shelf, numbers, [&](uint64_t) { ++count; }, [&](const NumberRange&) { ++count; });
  return count;
}

size_t Catalog::CountStated(const ShelfPtr& shelf) const {
  ReaderLock lock(&tables_.mutex);
  return shelf->size() + shelf->gone.range_count() + shelf->gone_earlier.range_count();
}

uint64_t Catalog::LargestPresent(const ShelfPtr& shelf) const {
  ReaderLock lock(&tables_.mutex);
  return shelf->LargestPresent();
}

}  // namespace arkshare
