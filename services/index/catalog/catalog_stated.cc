#include "services/index/catalog/catalog_stated.h"

#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>

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

CatalogStated::Checked CatalogStated::Check(const ShelfPtr& shelf,
                                            absl::Span<const StatementRecord> statements) const {
  Checked applied;
  ReaderLock lock(&tables_->mutex);
  absl::flat_hash_map<uint64_t, const StatementRecord*> more;
  for (const StatementRecord& statement : statements) {
    if (!statement.present.has_value()) {
      applied.status = tables_->holdings.CheckGone(*shelf);
    } else {
      const auto [known, added] = more.try_emplace(statement.number, &statement);
      applied.status = known->second->present == statement.present
                           ? tables_->holdings.CheckRoom(*shelf, statement, more.size() - 1)
                           : Holdings::NumberUsedTwice(statement.number);
      if (applied.status.ok()) {
        applied.status = tables_->holdings.CheckNumber(*shelf, statement);
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

std::vector<absl::Status> CatalogStated::CheckReceived(
    const ShelfPtr& shelf, absl::Span<const OwnerChange> changes) const {
  std::vector<absl::Status> statuses;
  ReaderLock lock(&tables_->mutex);
  for (const OwnerChange& change : changes) {
    statuses.push_back(tables_->holdings.CheckNumber(*shelf, change.receiver));
    if (statuses.back().ok()) {
      statuses.back() = tables_->holdings.CheckRoom(*shelf, change.receiver, statuses.size() - 1);
    }
  }
  return statuses;
}

CatalogStated::Stated CatalogStated::StatedOf(const ShelfPtr& shelf,
                                              absl::Span<const NumberRange> numbers) const {
  Stated stated;
  ReaderLock lock(&tables_->mutex);
  VisitStated(
      *shelf, numbers,
      [&](uint64_t number) ABSL_SHARED_LOCKS_REQUIRED(tables_->mutex) {
        stated.present.push_back(*tables_->holdings.FindListing(*shelf, number));
      },
      [&](const NumberRange& run) { stated.gone.push_back(run); });
  return stated;
}

size_t CatalogStated::CountStated(const ShelfPtr& shelf,
                                  absl::Span<const NumberRange> numbers) const {
  size_t count = 0;
  ReaderLock lock(&tables_->mutex);
  VisitStated(
      *shelf, numbers, [&](uint64_t) { ++count; }, [&](const NumberRange&) { ++count; });
  return count;
}

size_t CatalogStated::CountStated(const ShelfPtr& shelf) const {
  ReaderLock lock(&tables_->mutex);
  return shelf->size() + shelf->gone.range_count() + shelf->gone_earlier.range_count();
}

uint64_t CatalogStated::LargestPresent(const ShelfPtr& shelf) const {
  ReaderLock lock(&tables_->mutex);
  return shelf->LargestPresent();
}

}  // namespace arkshare
