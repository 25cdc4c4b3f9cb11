// Catalog as the fold of a log that replicas share.
#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>

#include <optional>
#include <utility>

#include "lib/core/errors.h"
#include "services/index/catalog/catalog.h"
#include "services/index/catalog/catalog_change.h"

namespace arkshare {

void Catalog::BeginStep(uint64_t revision) {
  WriterLock lock(&tables_.mutex);
  publisher_.BeginStep(revision);
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

void Catalog::JoinGone(const PublicKey& peer, absl::Span<const uint64_t> numbers) {
  const Change change(this);
  const ShelfPtr shelf = shelves_.Find(peer);
  if (shelf == nullptr) return;
  for (const uint64_t number : numbers) StateGoneLocked(*shelf, number).IgnoreError();
}

Catalog::Applied Catalog::Check(const ShelfPtr& shelf,
                                absl::Span<const StatementRecord> statements) const {
  Applied applied;
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

uint64_t Catalog::LargestPresent(const ShelfPtr& shelf) const {
  ReaderLock lock(&tables_.mutex);
  return shelf->LargestPresent();
}

}  // namespace arkshare
