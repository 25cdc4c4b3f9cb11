// Searches of the catalog.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_SEARCH_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_SEARCH_H_

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "lib/core/book_name.h"
#include "lib/core/content_id.h"
#include "services/index/catalog/search_writer.h"
#include "services/index/catalog/tables.h"
#include "services/index/search/best_keys.h"
#include "services/index/search/query.h"

namespace arkshare {

// How much a search may cost. For one thread.
class SearchBudget {
 public:
  // `effort` is in the unit of KeywordScan: 20,000 take about a tenth of a millisecond. Another
  // thread may set `cancelled`, which ends the search as soon as possible.
  explicit SearchBudget(size_t effort, const std::atomic<bool>* cancelled = nullptr)
      : left_(effort), cancelled_(cancelled) {}
  static SearchBudget Unlimited() { return SearchBudget(std::numeric_limits<size_t>::max()); }

  void Spend(size_t effort) { left_ -= std::min(left_, effort); }
  // Returns whether the search has to end before it has found everything.
  bool over() const { return left_ == 0 || cancelled(); }
  bool cancelled() const { return cancelled_ != nullptr && *cancelled_; }
  // The search has ended for this reason, and others than its results may be better.
  bool incomplete() const { return incomplete_; }
  void set_incomplete() { incomplete_ = true; }

 private:
  size_t left_;
  const std::atomic<bool>* const cancelled_;
  bool incomplete_ = false;
};

// A search by content or by keywords first finds the keys of a page, in order, then the holders of
// each. It shares the lock of the tables and gives it back after a few thousand visits, so that a
// writer never waits for a whole search. Thread-safe.
class CatalogSearch {
 public:
  explicit CatalogSearch(const Tables* tables) : tables_(tables) {}

  // See Catalog::Search.
  std::optional<SearchKey> Search(const BookQuery& query, bool loopback, size_t page_size,
                                  const std::optional<SearchKey>& after,
                                  std::optional<uint64_t> partial_seed, SearchWriter& writer,
                                  SearchBudget& budget) const;

 private:
  using Holders = absl::InlinedVector<SearchWriter::Holder, 50>;

  std::optional<SearchKey> SearchByName(const BookName& name, bool loopback, size_t page_size,
                                        const std::optional<SearchKey>& after, SearchWriter& writer,
                                        SearchBudget& budget) const;

  // Each offers the keys that match to `best`.
  void FindByContent(const ContentId& content, bool partial, bool loopback,
                     const std::optional<SearchKey>& after, BestKeys& best,
                     SearchBudget& budget) const;
  void FindByKeywords(const Keywords& keywords, bool loopback,
                      const std::optional<SearchKey>& after, BestKeys& best,
                      SearchBudget& budget) const;
  // Offers one slice, of names after `from`, and moves `from` on. Returns true after the last one.
  bool FindByContentLocked(const ContentId& content, bool partial, bool loopback, std::string& from,
                           BestKeys& best) const ABSL_SHARED_LOCKS_REQUIRED(tables_->mutex);
  void OfferLocked(const BookTable& table, EditionId edition, bool loopback, BestKeys& best) const
      ABSL_SHARED_LOCKS_REQUIRED(tables_->mutex);
  size_t CountShownLocked(const BookTable& table, EditionId edition, bool loopback) const
      ABSL_SHARED_LOCKS_REQUIRED(tables_->mutex);

  // Adds the results for the keys in `best`; returns the last one's key when more may follow.
  std::optional<SearchKey> WriteResults(const BookQuery& query, bool loopback, size_t page_size,
                                        const std::optional<SearchKey>& after,
                                        std::optional<uint64_t> partial_seed, BestKeys& best,
                                        SearchWriter& writer, SearchBudget& budget) const;
  // Adds the best holders of the whole edition and returns how many holders there are.
  uint32_t AddHoldersLocked(EditionId edition, bool loopback, Holders& holders) const
      ABSL_SHARED_LOCKS_REQUIRED(tables_->mutex);
  // Adds holders of a part of the edition; `seed` chooses among many.
  void AddPartialHoldersLocked(EditionId edition, bool loopback, uint64_t seed,
                               Holders& holders) const ABSL_SHARED_LOCKS_REQUIRED(tables_->mutex);

  const Tables* const tables_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_SEARCH_H_
