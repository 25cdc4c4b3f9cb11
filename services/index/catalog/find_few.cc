#include "services/index/catalog/find_few.h"

#include <absl/container/flat_hash_set.h>
#include <absl/types/span.h>

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "services/index/search/best_keys.h"
#include "services/index/search/keyword_scan.h"

namespace arkshare {
namespace {

// The effort for finding the titles of keywords, in the unit of KeywordScan: a tenth of a
// millisecond.
constexpr size_t kFewEffort = 20'000;
// The most copies that are looked at, and the cost of finding those of an edition, in copies.
constexpr size_t kFewCopies = 2'000;
constexpr size_t kCopiesOfEdition = 1;

}  // namespace

std::optional<std::vector<FoundBook>> FindFew(const BookQuery& query, const Tables& tables) {
  const BookTable& books = tables.holdings.books();
  const absl::Span<const uint64_t> ranks = tables.slots.Ranks(/*loopback=*/true);
  std::vector<FoundBook> found;
  size_t visits = 0;
  const auto add = [&](EditionId edition) ABSL_SHARED_LOCKS_REQUIRED(tables.mutex) {
    const absl::Span<const Copy> copies = books.CopiesOf(edition);
    visits += kCopiesOfEdition + copies.size();
    if (visits > kFewCopies) return false;
    for (const Copy& copy : copies) {
      const uint64_t rank = ranks[copy.shelf];
      if (copy.gone() || rank == ShelfSlots::kHidden) continue;
      found.push_back(
          {ShelfSlots::PeerId(rank), tables.holdings.ListingOf(edition, copy.number())});
    }
    return true;
  };
  if (const auto* name = std::get_if<BookName>(&query.what())) {
    books.VisitName(name->value(), nullptr, add);
  } else if (const auto* content = std::get_if<ContentId>(&query.what())) {
    books.VisitContent(*content, nullptr, add);
  } else {
    // Nothing is offered to `none`, so it excludes nothing, and the scan finds every title.
    const std::optional<SearchKey> from_the_first;
    const BestKeys none(1, from_the_first);
    KeywordScan scan(std::get<Keywords>(query.what()), from_the_first);
    absl::flat_hash_set<TitleId> seen;  // popular titles are found twice
    const auto offer = [&](TitleId title, const Fit& /*fit*/)
                           ABSL_SHARED_LOCKS_REQUIRED(tables.mutex) -> size_t {
      // Once there are too many, the rest of the step costs its whole effort.
      if (visits > kFewCopies) return kFewEffort;
      if (seen.insert(title).second) books.VisitTitle(title, add);
      return 0;
    };
    if (scan.Step(books, none, kFewEffort, offer)) return std::nullopt;
  }
  if (visits > kFewCopies) return std::nullopt;
  return found;
}

}  // namespace arkshare
