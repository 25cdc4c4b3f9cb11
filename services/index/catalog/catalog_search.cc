#include "services/index/catalog/catalog_search.h"

#include <absl/hash/hash.h>
#include <absl/types/span.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "lib/core/limits.h"
#include "services/index/search/keyword_scan.h"

namespace arkshare {
namespace {

// Copies of books that are visited under one lock.
constexpr size_t kSearchSlice = 2'000;
// The same in the unit of KeywordScan.
constexpr size_t kScanEffort = 20'000;
// The cost of finding the copies of an edition, in the unit of KeywordScan.
constexpr size_t kEditionEffort = 20;
// The cost of visiting a copy, in the unit of KeywordScan.
constexpr size_t kVisitEffort = 1;
constexpr size_t kMostHolders = kMaxWholeHolders;
constexpr size_t kMostPartialHolders = kMaxPartialHolders;
// Names can be long and holders many: a page ends early before its message is too large.
constexpr size_t kMostPageBytes = 1024 * 1024;

// The best of many copies: those of the smallest rank, then number.
class BestCopies {
 public:
  explicit BestCopies(size_t most) : most_(most) {}

  void Offer(uint64_t rank, const Copy& copy) {
    if (rank > worst_) return;
    best_.push_back({rank, copy});
    // Rare, and therefore cheaper than keeping them in order.
    if (best_.size() == 3 * most_) Cut();
  }
  struct Ranked {
    uint64_t rank;
    Copy copy;
    bool operator<(const Ranked& other) const {
      return rank != other.rank ? rank < other.rank : copy.number() < other.copy.number();
    }
  };
  // Returns them in order.
  absl::Span<const Ranked> Finish() {
    if (best_.size() > most_) Cut();
    std::sort(best_.begin(), best_.end());
    return best_;
  }

 private:
  void Cut() {
    const auto last = best_.begin() + static_cast<ptrdiff_t>(most_) - 1;
    std::nth_element(best_.begin(), last, best_.end());
    worst_ = last->rank;
    best_.resize(most_);
  }

  const size_t most_;
  absl::InlinedVector<Ranked, 3 * std::max(kMostHolders, kMostPartialHolders)> best_;
  uint64_t worst_ = std::numeric_limits<uint64_t>::max();  // larger ranks are not among the best
};

// Returns the numbers of the results that `shown` became; equally good ones are in order of name.
std::vector<size_t> OrderByName(const BestKeys& keys, absl::Span<const size_t> shown) {
  std::vector<size_t> order(shown.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto rank = [&](size_t result) {
    const SearchKey& key = keys[shown[result]];
    return std::tie(key.fit, key.unpopularity, key.name, key.content);
  };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });
  return order;
}

}  // namespace

std::optional<SearchKey> CatalogSearch::Search(const BookQuery& query, bool loopback,
                                               size_t page_size,
                                               const std::optional<SearchKey>& after,
                                               std::optional<uint64_t> partial_seed,
                                               SearchWriter& writer, SearchBudget& budget) const {
  if (const auto* name = std::get_if<BookName>(&query.what())) {
    return SearchByName(*name, loopback, page_size, after, writer, budget);
  }
  BestKeys best(page_size + 1, after);
  if (const auto* keywords = std::get_if<Keywords>(&query.what())) {
    FindByKeywords(*keywords, loopback, after, best, budget);
    return WriteResults(query, loopback, page_size, after, /*partial_seed=*/std::nullopt, best,
                        writer, budget);
  }
  const auto& content = std::get<ContentId>(query.what());
  FindByContent(content, /*partial=*/false, loopback, after, best, budget);
  if (partial_seed.has_value()) {
    BestKeys partial(page_size + 1, after);
    FindByContent(content, /*partial=*/true, loopback, after, partial, budget);
    best.Merge(partial);
  }
  return WriteResults(query, loopback, page_size, after, partial_seed, best, writer, budget);
}

// The most frequent search: the editions of a name are stored in order, so each is visited once.
std::optional<SearchKey> CatalogSearch::SearchByName(const BookName& name, bool loopback,
                                                     size_t page_size,
                                                     const std::optional<SearchKey>& after,
                                                     SearchWriter& writer,
                                                     SearchBudget& budget) const {
  std::optional<SearchKey> last;
  std::optional<ContentId> from;
  if (after.has_value()) from = after->content;
  for (bool more = true; more;) {
    if (from.has_value() && budget.over()) {
      budget.set_incomplete();
      return SearchKey{{}, 0, 0, name.value(), *from};  // the next page goes on from here
    }
    ReaderLock lock(&tables_->mutex);
    const BookTable& books = tables_->holdings.books();
    more = false;
    size_t visits = 0;
    books.VisitName(
        name.value(), from.has_value() ? &*from : nullptr,
        [&](EditionId edition) ABSL_SHARED_LOCKS_REQUIRED(tables_->mutex) {
          if (writer.result_count() == page_size || writer.bytes().size() > kMostPageBytes) {
            last = SearchKey{{}, 0, 0, name.value(), *from};
            return false;
          }
          from = books.ContentOf(edition);
          visits += 1 + books.CopiesOf(edition).size();
          Holders holders;
          const uint32_t count = AddHoldersLocked(edition, loopback, holders);
          if (count > 0) writer.AddResult(name.value(), *from, holders, count);
          more = visits >= kSearchSlice;
          return !more;
        });
    budget.Spend(visits * kVisitEffort);
  }
  return last;
}

void CatalogSearch::FindByContent(const ContentId& content, bool partial, bool loopback,
                                  const std::optional<SearchKey>& after, BestKeys& best,
                                  SearchBudget& budget) const {
  std::string from = after.has_value() ? after->name : "";
  for (bool done = false; !done && !best.full();) {
    if (budget.over()) return budget.set_incomplete();
    ReaderLock lock(&tables_->mutex);
    done = FindByContentLocked(content, partial, loopback, from, best);
    budget.Spend(kSearchSlice * kVisitEffort);
  }
}

bool CatalogSearch::FindByContentLocked(const ContentId& content, bool partial, bool loopback,
                                        std::string& from, BestKeys& best) const {
  const BookTable& table = partial ? tables_->holdings.parts() : tables_->holdings.books();
  bool done = true;
  size_t visits = 0;
  const std::string previous = from;
  const absl::string_view after = previous;
  const auto visit = [&](EditionId edition) ABSL_SHARED_LOCKS_REQUIRED(tables_->mutex) {
    OfferLocked(table, edition, loopback, best);
    visits += 1 + table.CopiesOf(edition).size();
    done = visits < kSearchSlice;
    if (!done) from = std::string(table.NameOf(edition));
    return done;
  };
  table.VisitContent(content, &after, visit);
  return done;
}

void CatalogSearch::FindByKeywords(const Keywords& keywords, bool loopback,
                                   const std::optional<SearchKey>& after, BestKeys& best,
                                   SearchBudget& budget) const {
  KeywordScan scan(keywords, after);
  for (bool more = true; more;) {
    if (budget.over()) return budget.set_incomplete();
    ReaderLock lock(&tables_->mutex);
    const BookTable& books = tables_->holdings.books();
    const auto offer = [&](TitleId title,
                           const Fit& fit) ABSL_SHARED_LOCKS_REQUIRED(tables_->mutex) {
      size_t effort = 0;
      books.VisitTitle(title, [&](EditionId edition) ABSL_SHARED_LOCKS_REQUIRED(tables_->mutex) {
        effort += kEditionEffort + books.CopiesOf(edition).size();
        const size_t holders = CountShownLocked(books, edition, loopback);
        if (holders > 0) {
          best.Offer(fit, -static_cast<int>(std::bit_width(holders)),
                     books.StandingOf(title).shuffle(), books.NameOf(edition),
                     books.ContentOf(edition));
        }
        return true;
      });
      return effort;
    };
    more = scan.Step(books, best, kScanEffort, offer);
    budget.Spend(kScanEffort);
  }
}

void CatalogSearch::OfferLocked(const BookTable& table, EditionId edition, bool loopback,
                                BestKeys& best) const {
  if (CountShownLocked(table, edition, loopback) == 0) return;
  best.Offer({}, 0, 0, table.NameOf(edition), table.ContentOf(edition));
}

size_t CatalogSearch::CountShownLocked(const BookTable& table, EditionId edition,
                                       bool loopback) const {
  const absl::Span<const uint64_t> ranks = tables_->slots.Ranks(loopback);
  size_t count = 0;
  for (const Copy& copy : table.CopiesOf(edition)) {
    count += !copy.gone() && ranks[copy.shelf] != ShelfSlots::kHidden ? 1 : 0;
  }
  return count;
}

std::optional<SearchKey> CatalogSearch::WriteResults(const BookQuery& query, bool loopback,
                                                     size_t page_size,
                                                     const std::optional<SearchKey>& after,
                                                     std::optional<uint64_t> partial_seed,
                                                     BestKeys& best, SearchWriter& writer,
                                                     SearchBudget& budget) const {
  std::vector<size_t> shown;
  size_t next = 0;
  bool full = false;
  while (next < best.size() && !full && !budget.cancelled()) {
    ReaderLock lock(&tables_->mutex);
    const Holdings& holdings = tables_->holdings;
    if (const auto* content = std::get_if<ContentId>(&query.what()); content && next == 0) {
      // The book may have moved since to a peer that has it under a name that was not there before.
      std::string from = after.has_value() ? after->name : "";
      FindByContentLocked(*content, /*partial=*/false, loopback, from, best);
    }
    for (size_t visits = 0; visits < kSearchSlice && next < best.size(); ++next) {
      full = next == page_size || writer.bytes().size() > kMostPageBytes;
      if (full) break;
      const SearchKey& key = best[next];
      Holders holders;
      uint32_t count = 0;
      if (const auto whole = holdings.books().FindEdition(key.name, key.content)) {
        visits += 1 + holdings.books().CopiesOf(*whole).size();
        count = AddHoldersLocked(*whole, loopback, holders);
      }
      if (partial_seed.has_value()) {
        if (const auto part = holdings.parts().FindEdition(key.name, key.content)) {
          visits += 1 + holdings.parts().CopiesOf(*part).size();
          AddPartialHoldersLocked(*part, loopback, *partial_seed, holders);
        }
      }
      if (holders.empty()) continue;
      writer.AddResult(key.name, key.content, holders, count);
      shown.push_back(next);
    }
  }
  if (std::holds_alternative<Keywords>(query.what())) writer.Arrange(OrderByName(best, shown));
  if (!full) return std::nullopt;
  return best[next - 1];
}

// Holders with free slots come first.
uint32_t CatalogSearch::AddHoldersLocked(EditionId edition, bool loopback, Holders& holders) const {
  const absl::Span<const uint64_t> ranks = tables_->slots.Ranks(loopback);
  BestCopies best(kMostHolders);
  uint32_t count = 0;
  for (const Copy& copy : tables_->holdings.books().CopiesOf(edition)) {
    const uint64_t rank = ranks[copy.shelf];
    if (rank == ShelfSlots::kHidden || copy.gone()) continue;
    ++count;
    best.Offer(rank, copy);
  }
  for (const auto& [rank, copy] : best.Finish()) {
    holders.push_back({tables_->slots.Encoded(copy.shelf), copy.number()});
  }
  return count;
}

// Each seed puts the peers in another order, whatever the order in which they came.
void CatalogSearch::AddPartialHoldersLocked(EditionId edition, bool loopback, uint64_t seed,
                                            Holders& holders) const {
  const absl::Span<const uint64_t> ranks = tables_->slots.Ranks(loopback);
  BestCopies best(kMostPartialHolders);
  for (const Copy& copy : tables_->holdings.parts().CopiesOf(edition)) {
    const uint64_t rank = ranks[copy.shelf];
    if (rank == ShelfSlots::kHidden || copy.gone()) continue;
    const uint64_t busy = ShelfSlots::HasFreeSlots(rank) ? 0 : 1;
    best.Offer(busy << 63 | absl::HashOf(seed, ShelfSlots::PeerId(rank)) >> 1, copy);
  }
  for (const auto& [rank, copy] : best.Finish()) {
    holders.push_back({tables_->slots.Encoded(copy.shelf), copy.number(), /*partial=*/true});
  }
}

}  // namespace arkshare
