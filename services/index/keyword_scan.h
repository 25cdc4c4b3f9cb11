// Finds the titles that answer keywords, the best ones first as far as it can, in steps.
#ifndef ARKSHARE_SERVICES_INDEX_KEYWORD_SCAN_H_
#define ARKSHARE_SERVICES_INDEX_KEYWORD_SCAN_H_

#include <absl/functional/function_ref.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <optional>
#include <string>

#include "services/index/best_keys.h"
#include "services/index/book_table.h"
#include "services/index/query.h"

namespace arkshare {

// First come the titles that have all keywords as whole words, by intersecting their postings.
// Those stand in order of the titles' lengths, which is the order of fit, so the scan ends as soon
// as what follows is too long. Only when these do not fill the page, the words that the rarest
// keyword begins are gone through as well. Both are done with the popular titles first: when they
// are enough, the many others of a very common word need not be looked at.
class KeywordScan {
 public:
  // The keywords and `after` must outlive this.
  KeywordScan(const Keywords& keywords, const std::optional<SearchKey>& after);

  // Calls offer(title, fit) for some more titles, at most of about `effort`, which is what visiting
  // a number in a posting list costs; false when there are no more that could be among the best.
  // The table may change between two steps.
  using Offer = absl::FunctionRef<size_t(TitleId, const Fit&)>;
  bool Step(const BookTable& books, const BestKeys& best, size_t effort, Offer offer);

 private:
  enum class Stage { kPopularWhole, kWhole, kPopularBegun, kBegun, kDone };
  class Effort;
  class Batch;

  // Whole words, and words that are only begun. False when the stage has no more.
  bool StepWhole(const BookTable& books, const BestKeys& best, Effort& effort, Offer offer);
  bool StepBegun(const BookTable& books, const BestKeys& best, Effort& effort, Offer offer);
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
  std::string leader_;
  std::string word_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_KEYWORD_SCAN_H_
