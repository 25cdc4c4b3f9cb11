// Finds the titles that answer keywords, the best ones first as far as it can, in steps.
#ifndef ARKSHARE_SERVICES_INDEX_SEARCH_KEYWORD_SCAN_H_
#define ARKSHARE_SERVICES_INDEX_SEARCH_KEYWORD_SCAN_H_

#include <absl/functional/function_ref.h>
#include <absl/strings/string_view.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "services/index/search/best_keys.h"
#include "services/index/search/query.h"
#include "services/index/store/bit_set.h"
#include "services/index/store/book_table.h"

namespace arkshare {

// First come the titles that have all keywords as whole words, by intersecting their postings.
// Postings are in order of the titles' lengths, which is the order of fit, so the scan ends as soon
// as the next titles are too long.
//
// When these do not fill the page, the scan visits the words that begin with the rarest keyword,
// and reads the names of their titles. When most of these names fail to match, it collects the
// titles of a second keyword in a bit set (the filter) and reads only the names of titles that are
// in both.
//
// Each stage visits the popular titles first. When they fill the page, the scan skips the many
// other titles of a very common word.
class KeywordScan {
 public:
  // The keywords and `after` must outlive this.
  KeywordScan(const Keywords& keywords, const std::optional<SearchKey>& after);

  // Calls offer(title, fit) for some more titles, which returns the effort that it cost. Stops
  // after about `effort`, 100 or more; visiting a number in a posting list costs one. Returns false
  // when no other title can be among the best. The table may change between two steps.
  using Offer = absl::FunctionRef<size_t(TitleId, const Fit&)>;
  bool Step(const BookTable& books, const BestKeys& best, size_t effort, Offer offer);

 private:
  enum class Stage { kPopularWhole, kWhole, kPopularBegun, kBegun, kDone };
  class Effort;
  class Batch;

  // Each makes a step of its stages: keywords that are whole words, and keywords that begin words.
  // Returns false when the stage has no more titles.
  bool StepWhole(const BookTable& books, const BestKeys& best, Effort& effort, Offer offer);
  bool StepBegun(const BookTable& books, const BestKeys& best, Effort& effort, Offer offer);
  // Collects titles for the filter. Returns false when the filter is ready or given up.
  bool StepFilter(const BookTable& books, Effort& effort);
  // A point at which VisitTitles goes on.
  struct Place {
    std::string word;
    TitleId title = 0;
  };
  // Visits the titles of the words that begin with `keyword`, in groups with equally many words.
  // visit(titles) returns whether to go on with titles of the same word. Returns true when the
  // effort was spent before the end; `place` is where to go on.
  template <typename Visit>
  bool VisitTitles(const WordTable& words, absl::string_view keyword, Place& place, Effort& effort,
                   Visit visit);
  TitleId FirstTitle() const;
  const WordTable& WordsOf(const BookTable& books) const;
  // Returns the unpopularity that no title which this stage still has to visit falls below.
  int BestUnpopularity() const;
  void ChooseLeader(const BookTable& books);
  // Returns the fit of a title with `words` words, when `begun` keywords are not whole words.
  Fit FitWith(size_t words, int begun) const;

  const Keywords& keywords_;
  const std::optional<SearchKey>& after_;
  Stage stage_ = Stage::kPopularWhole;
  // Where the stage goes on.
  TitleId next_ = 0;
  Place begun_;
  std::string leader_;  // a keyword
  size_t misfits_ = 0;  // names that were read and do not fit
  // The filter's keyword (empty: none), and its titles by their number of words.
  std::string filter_;
  enum class Filter { kUnused, kIncomplete, kReady } filter_state_ = Filter::kUnused;
  Place filter_place_;
  size_t filter_effort_ = 0;  // that the filter may still cost
  std::array<BitSet, kMostWordsInId + 1> filter_titles_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SEARCH_KEYWORD_SCAN_H_
