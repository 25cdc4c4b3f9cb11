// Finds the titles that answer keywords, the best ones first as far as it can, in steps.
#ifndef ARKSHARE_SERVICES_INDEX_SEARCH_KEYWORD_SCAN_H_
#define ARKSHARE_SERVICES_INDEX_SEARCH_KEYWORD_SCAN_H_

#include <absl/functional/function_ref.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <optional>
#include <string>

#include "services/index/search/best_keys.h"
#include "services/index/search/query.h"
#include "services/index/search/title_set.h"
#include "services/index/store/book_table.h"

namespace arkshare {

// First come the titles that have all keywords as whole words, by intersecting their postings.
// Those stand in order of the titles' lengths, which is the order of fit, so the scan ends as soon
// as what follows is too long. Only when these do not fill the page, the words that the rarest
// keyword begins are gone through as well, and the names are read of the titles to which they lead;
// when too many of these do not fit, only of those to which another keyword leads too. Both are
// done with the popular titles first: when they are enough, the many others of a very common word
// need not be looked at.
class KeywordScan {
 public:
  // The keywords and `after` must outlive this.
  KeywordScan(const Keywords& keywords, const std::optional<SearchKey>& after);

  // Calls offer(title, fit) for some more titles, at most of about `effort`, 100 or more, of which
  // visiting a number in a posting list costs one; false when there are no more that could be among
  // the best. The table may change between two steps.
  using Offer = absl::FunctionRef<size_t(TitleId, const Fit&)>;
  bool Step(const BookTable& books, const BestKeys& best, size_t effort, Offer offer);

 private:
  enum class Stage { kPopularWhole, kWhole, kPopularBegun, kBegun, kDone };
  class Effort;
  class Batch;

  // Whole words, and words that are only begun. False when the stage has no more.
  bool StepWhole(const BookTable& books, const BestKeys& best, Effort& effort, Offer offer);
  bool StepBegun(const BookTable& books, const BestKeys& best, Effort& effort, Offer offer);
  // Gathers the titles of the filter. False when it is ready, or given up.
  bool StepFilter(const BookTable& books, Effort& effort);
  // Where VisitTitles goes on.
  struct Place {
    std::string word;
    TitleId title = 0;
  };
  // The titles of the words that `keyword` begins, until the effort is spent, which is told: some
  // with equally many words at a time. visit(titles) says whether to go on with those of the same
  // word.
  template <typename Visit>
  bool VisitTitles(const WordTable& words, absl::string_view keyword, Place& place, Effort& effort,
                   Visit visit);
  TitleId FirstTitle() const;
  const WordTable& WordsOf(const BookTable& books) const;
  // No title that this stage still has to visit is more popular.
  int BestUnpopularity() const;
  void ChooseLeader(const BookTable& books);
  // Of a title with so many words, when so many keywords are not whole words.
  Fit FitWith(size_t words, int begun) const;

  const Keywords& keywords_;
  const std::optional<SearchKey>& after_;
  Stage stage_ = Stage::kPopularWhole;
  // Where the stage goes on.
  TitleId next_ = 0;
  Place begun_;
  std::string leader_;  // a keyword
  size_t misfits_ = 0;  // names that were read and do not fit
  // Another keyword, or nothing; its titles as far as they are known, and what they may cost.
  std::string filter_;
  enum class Filter { kUnused, kIncomplete, kReady } filter_state_ = Filter::kUnused;
  Place filter_place_;
  size_t filter_effort_ = 0;
  TitleSet filter_titles_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SEARCH_KEYWORD_SCAN_H_
